import { execFile, spawnSync } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { kill } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { groupMembers } from './group-members.js'
import { identityOf } from './process-identity.js'
import type { StopStep } from './stop-steps.js'

const LOOK_EVERY_MS = 20
const LOOKS_PER_COUNT = 10

/** A child that leads its own process group, with everything it started (Windows: with its process tree). */
export class ProcessGroup {
  readonly pid: number
  /** Undefined: the leader ended before it could be asked for. */
  readonly identity: string | undefined
  readonly #platform: NodeJS.Platform

  constructor(pid: number, identity: string | undefined, platform: NodeJS.Platform) {
    this.pid = pid
    this.identity = identity
    this.#platform = platform
  }

  /** Whether its leader lives; another process that was given the same id does not count. */
  async leaderLives(): Promise<boolean> {
    return this.identity !== undefined && (await this.#idHolder()) === this.identity
  }

  /** Whether any process of the group lives. Windows tells only of the leader. */
  isAlive(): boolean {
    try {
      kill(this.#platform === 'win32' ? this.pid : -this.pid, 0)
      return true
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'EPERM'
    }
  }

  /** Takes the steps one after the other until nothing of the group lives; false if something still does. */
  async end(steps: readonly StopStep[]): Promise<boolean> {
    if (await this.#isReplaced()) return true
    for (const step of steps) {
      if (!this.isAlive()) return true
      this.#take(step.how)
      if (await this.#gone(step.waitMs)) return true
    }
    return false
  }

  /** Kills the whole group without waiting. */
  kill(): void {
    if (this.#platform === 'win32') {
      spawnSync('taskkill', ['/PID', String(this.pid), '/T', '/F'], { windowsHide: true })
    } else {
      this.#signal('SIGKILL')
    }
  }

  /** A system gives an id away again only when no process and no group has it: then nothing of ours is left. */
  async #isReplaced(): Promise<boolean> {
    const holder = await this.#idHolder()
    return holder !== undefined && holder !== this.identity
  }

  #idHolder(): Promise<string | undefined> {
    return identityOf(this.pid, this.#platform)
  }

  #take(how: StopStep['how']): void {
    if (how === 'taskkill' || how === 'taskkill /F') {
      const force = how === 'taskkill /F' ? ['/F'] : []
      const args = ['/PID', String(this.pid), '/T', ...force]
      execFile('taskkill', args, { windowsHide: true }, () => {}) // the wait that follows sees the effect
    } else {
      this.#signal(how)
    }
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      kill(-this.pid, signal)
    } catch {
      // The group ended by itself between the look and the signal.
    }
  }

  async #gone(withinMs: number): Promise<boolean> {
    const until = performance.now() + withinMs
    for (let looks = 1; this.isAlive(); looks += 1) {
      if (looks % LOOKS_PER_COUNT === 0 && (await this.#onlyWaitsForParents())) return true
      if (performance.now() >= until) return this.#onlyWaitsForParents()
      await sleep(LOOK_EVERY_MS)
    }
    return true
  }

  /** In a container without an init nobody collects orphans that have ended: they hold nothing, and never go. */
  async #onlyWaitsForParents(): Promise<boolean> {
    const members = await groupMembers(this.pid)
    return members?.every(({ lives }) => !lives) ?? false
  }
}

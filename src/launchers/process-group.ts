import { execFile, spawnSync } from 'node:child_process'
import { kill } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StopStep } from './stop-steps.js'

const LOOK_EVERY_MS = 20

/** A child that leads its own process group, with everything it started (Windows: with its process tree). */
export class ProcessGroup {
  readonly pid: number
  readonly #platform: NodeJS.Platform

  constructor(pid: number, platform: NodeJS.Platform) {
    this.pid = pid
    this.#platform = platform
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
    for (const step of steps) {
      if (!this.isAlive()) return true
      this.#take(step.how)
      if (await this.#gone(step.waitMs)) return true
    }
    return !this.isAlive()
  }

  /** Kills the whole group without waiting. */
  kill(): void {
    if (this.#platform === 'win32') {
      spawnSync('taskkill', ['/PID', String(this.pid), '/T', '/F'], { windowsHide: true })
    } else {
      this.#signal('SIGKILL')
    }
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
    const until = Date.now() + withinMs
    while (this.isAlive()) {
      if (Date.now() >= until) return false
      await sleep(LOOK_EVERY_MS)
    }
    return true
  }
}

import { spawn } from 'node:child_process'
import type { Misdeeds } from './options.js'

/** Counts what the sample has done and dies, or falls silent, when the switches say so. */
export class Misbehaviour {
  readonly #misdeeds: Misdeeds
  #requests = 0
  #events = 0

  constructor(misdeeds: Misdeeds) {
    this.#misdeeds = misdeeds
  }

  get answersNothing(): boolean {
    return this.#misdeeds.hangAll
  }

  /** Call as a generation request begins; never resolves for one that shall hang. */
  async beforeGeneration(): Promise<void> {
    if (this.#misdeeds.hang) await forever()
    if (this.#requests === this.#misdeeds.crashAfterRequests) await crash()
    this.#requests += 1
  }

  /** Call when a stream event has left the process. */
  async afterEvent(): Promise<void> {
    this.#events += 1
    if (this.#events === this.#misdeeds.crashAfterEvents) await crash()
  }
}

/** Never resolves; what waits for it is held by the process alone. */
export function forever(): Promise<never> {
  return new Promise(() => undefined)
}

/** Starts a child in this process group, with the same stdin and output, that stays for ten minutes. */
export function forkChild(): void {
  spawn(process.execPath, ['-e', 'setTimeout(() => {}, 600_000)'], { stdio: 'inherit' })
}

/** Fills memory and keeps it for the life of the process. */
export function takeMemory(mib: number): void {
  const memory = Buffer.alloc(mib * 2 ** 20, 1)
  // A reference from a timer keeps it from the garbage collector; unref'd, the timer keeps nothing else.
  setInterval(() => memory.length, 60_000).unref()
}

async function crash(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return await forever()
}

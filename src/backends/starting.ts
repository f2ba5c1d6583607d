import { performance } from 'node:perf_hooks'
import { abortable } from '../abortable.js'
import type { Leaving } from '../departure.js'
import { refusedAt } from './refused-at.js'

/** One who waits until a backend is ready. */
export interface Waiter {
  readonly signal: Leaving
  /** When it began to wait, by `performance.now()`. */
  readonly askedAtMs: number
  /** Until when it waits for memory, by the same clock; Infinity: as long as it takes. */
  readonly untilMs: number
}

/** Whoever keeps a backend loaded waits for it as long as it takes. */
export function kept(signal: Leaving = NEVER): Waiter {
  return { signal, askedAtMs: performance.now(), untilMs: Number.POSITIVE_INFINITY }
}

const NEVER = new AbortController().signal

export interface StartingParts {
  /** The last of those who waited has left. */
  onAbandoned(): void
  /** What one is told who waited for memory for too long. */
  refusal(): Error
}

/** A start under way, and all who wait for it. */
export class Starting {
  readonly #work: Promise<void>
  readonly #giveUp = new AbortController()
  readonly #parts: StartingParts
  /** A promise, because a signal with many listeners is taken for a leak. */
  readonly #granted: Promise<void>
  #isGranted = false
  #waiters = 0

  /** `begin` is given a signal that aborts when it is given up, and whom to tell when it waits for nothing but itself. */
  constructor(
    begin: (giveUp: AbortSignal, granted: () => void) => Promise<void>,
    parts: StartingParts,
  ) {
    this.#parts = parts
    let tell = () => {}
    this.#granted = new Promise((resolve) => {
      tell = resolve
    })
    this.#work = begin(this.#giveUp.signal, () => {
      this.#isGranted = true
      tell()
    })
    this.#work.catch(() => {}) // every waiter hears of it; without one it is in the log
  }

  /** Settles as the start does; rejects before when the waiter leaves, or has waited for memory for too long. */
  async join({ signal, untilMs }: Waiter): Promise<void> {
    this.#waiters += 1
    try {
      await abortable(this.#bounded(untilMs), signal)
    } finally {
      this.#waiters -= 1
      if (this.#waiters === 0) this.#parts.onAbandoned()
    }
  }

  /** Resolves when it has come to nothing, with this reason for all who wait. */
  async giveUp(reason: Error): Promise<void> {
    this.#giveUp.abort(reason)
    await this.#work.catch(() => {})
  }

  async #bounded(untilMs: number): Promise<void> {
    if (this.#isGranted) return this.#work
    const over = new AbortController()
    void this.#granted.then(() => over.abort())
    const refused = refusedAt(untilMs, over.signal, this.#parts.refusal)
    await Promise.race([this.#work, refused]).finally(() => over.abort())
    return this.#work
  }
}

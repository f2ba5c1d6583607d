import type { Amounts } from './amounts.js'
import type { Grant, Holder } from './grant.js'

/** What a backend asks for before it starts. */
export interface MemoryAsk {
  readonly holder: Holder
  /** What would do, the best first; bytes by device. */
  readonly placements: readonly Amounts[]
  /** The higher goes first, until somebody has waited for `patience`. */
  readonly priority: number
  /** When the first request that needs it began to wait, by the scheduler's clock. */
  readonly askedAtMs: number
}

/** One who waits for memory. */
export interface Waiting {
  readonly ask: MemoryAsk
  /** Some who are in its way have been told to stop for its sake. */
  hasClaim: boolean
  grant(grant: Grant): void
}

/** Those who wait for memory, in the order in which they are to have it. */
export class Line {
  readonly #waiting = new Set<Waiting>()

  get size(): number {
    return this.#waiting.size
  }

  join(waiting: Waiting): void {
    this.#waiting.add(waiting)
  }

  leave(waiting: Waiting): void {
    this.#waiting.delete(waiting)
  }

  /**
   * Those whose patience is over, the oldest first; then by priority, the oldest first. Who leaves while the others are
   * looked at is left out.
   */
  *inOrder(nowMs: number, patienceMs: number): Generator<Waiting> {
    const isOverdue = ({ ask }: Waiting) => nowMs >= ask.askedAtMs + patienceMs
    const sorted = [...this.#waiting].sort((a, b) => {
      const [overdueA, overdueB] = [isOverdue(a), isOverdue(b)]
      if (overdueA !== overdueB) return overdueA ? -1 : 1
      const byPriority = overdueA ? 0 : b.ask.priority - a.ask.priority
      return byPriority || a.ask.askedAtMs - b.ask.askedAtMs
    })
    for (const waiting of sorted) if (this.#waiting.has(waiting)) yield waiting
  }
}

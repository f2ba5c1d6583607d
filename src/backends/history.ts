/** What the last requests weigh in the mean. */
const LAST = 0.25

/** How long requests hold a backend, recent ones counting more. */
export class History {
  #serviceMs: number | undefined

  /** Undefined before the first. */
  get serviceMs(): number | undefined {
    return this.#serviceMs
  }

  served(durationMs: number): void {
    const mean = this.#serviceMs ?? durationMs
    this.#serviceMs = mean + LAST * (durationMs - mean)
  }
}

export interface Ahead {
  /** Requests that hold a turn now, and those that have theirs before this one. */
  readonly running: number
  readonly waiting: number
  /** 0: no limit. */
  readonly concurrency: number
  readonly serviceMs: number | undefined
  /** Until the backend is ready; undefined: nobody can tell. */
  readonly readyMs: number | undefined
}

/** How long until it is this one's turn, in milliseconds; undefined: nothing is known yet. */
export function waitOf(ahead: Ahead): number | undefined {
  const { running, waiting, concurrency, serviceMs, readyMs } = ahead
  if (readyMs === undefined) return undefined
  const rounds = concurrency === 0 ? 0 : Math.floor((running + waiting) / concurrency)
  if (rounds === 0) return readyMs
  return serviceMs === undefined ? undefined : readyMs + rounds * serviceMs
}

/** The time as whoever polls knows it; its timers keep no process alive. */
export interface Clock {
  /** Milliseconds that never go back. */
  now(): number
  /** Calls once after `ms`; returns what calls it off. */
  after(ms: number, call: () => void): () => void
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms).unref()
    return () => clearTimeout(timer)
  },
}

/** Why a backend was stopped, or is to be, for the sake of memory. */
export type EvictionReason = 'room' | 'out-of-memory' | 'quota'

/** What the memory's keeper tells the layers above; log and metrics hang on it. */
export interface MemoryRecorder {
  evicted(eviction: { readonly backend: string; readonly reason: EvictionReason }): void
  /** A backend holds more of a device than it may: told once in each of its runs, and counted. */
  overQuota(facts: Measured & { readonly quotaBytes: number }): void
  /** A number in routes.json is more than a fifth off what was seen: told once. */
  misdeclared(facts: Measured & { readonly declaredBytes: number }): void
  /** A backend has ended, and the driver did not show its memory as free within so many milliseconds. */
  slowToReturn(facts: { readonly backend: string; readonly afterMs: number }): void
}

export interface Measured {
  readonly backend: string
  readonly device: string
  readonly heldBytes: number
}

/** Tells several recorders, in this order. */
export function recordMemoryTo(...recorders: readonly MemoryRecorder[]): MemoryRecorder {
  const tell = (what: (recorder: MemoryRecorder) => void) => recorders.forEach(what)
  return {
    evicted: (eviction) => tell((recorder) => recorder.evicted(eviction)),
    overQuota: (facts) => tell((recorder) => recorder.overQuota(facts)),
    misdeclared: (facts) => tell((recorder) => recorder.misdeclared(facts)),
    slowToReturn: (facts) => tell((recorder) => recorder.slowToReturn(facts)),
  }
}

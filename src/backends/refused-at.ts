import { performance } from 'node:perf_hooks'

/** Resolves once the signal aborts, or rejects before at a time by `performance.now()`; never does at Infinity. */
export function refusedAt(
  timeMs: number,
  signal: AbortSignal,
  refusal: () => Error,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve()
    const waitMs = Math.max(0, timeMs - performance.now())
    const timer = Number.isFinite(timeMs) ? setTimeout(() => reject(refusal()), waitMs) : undefined
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}

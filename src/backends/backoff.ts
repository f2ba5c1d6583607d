const FIRST_MS = 1_000
const LONGEST_MS = 60_000
/** A run this long was healthy: a crash after it is forgiven once. */
const HEALTHY_MS = 60_000

/** When a backend that failed may be tried again: at once after a healthy run, else 1 s doubling to 60 s. */
export class Backoff {
  #failures = 0
  #crashForgiven = false
  #untilMs = 0
  #nextForgiven = false

  /** Milliseconds left to wait at this moment; 0: try. */
  remainingMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs)
  }

  startFailed(nowMs: number): void {
    if (this.#nextForgiven) {
      this.#nextForgiven = false
      return
    }
    this.#untilMs = nowMs + Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures)
    this.#failures += 1
  }

  /** A backend that had been ready for `upMs` ended by itself. */
  crashed(nowMs: number, upMs: number): void {
    if (upMs >= HEALTHY_MS) this.reset()
    if (this.#crashForgiven) this.startFailed(nowMs)
    this.#crashForgiven = true
  }

  /** The next failure of a start is not the backend's fault. */
  forgiveNext(): void {
    this.#nextForgiven = true
  }

  /** A backend that had been ready for `upMs` was stopped. */
  stopped(upMs: number): void {
    if (upMs >= HEALTHY_MS) this.reset()
  }

  /** A fresh start: the user asked for one, or a long healthy run earned it. */
  reset(): void {
    this.#failures = 0
    this.#crashForgiven = false
    this.#untilMs = 0
  }
}

import { performance } from 'node:perf_hooks'
import type { Progress, Run } from '../launchers/launcher.js'

/** A start that still prints or takes memory is given up to this many times its limit. */
const LONGEST = 3
/** How long before its limit, and after it, a start may show no progress. */
const STALL_MS = 30_000
/** Memory rises and falls a little without any progress. */
const NOTICEABLE_BYTES = 64 * 1024

/**
 * When a start is given up: at its limit, unless it still makes progress. A big model on a slow disk is not a fault,
 * and a hung start is one however long its limit. The signal aborts when the time is over.
 */
export class StartDeadline {
  readonly #limitMs: number
  readonly #stallMs: number
  readonly #over = new AbortController()
  readonly #begunAt = performance.now()
  #timer: NodeJS.Timeout | undefined
  #run: Run | undefined
  #most: Progress = { outputBytes: 0, memoryBytes: 0 }
  #progressAt = performance.now()

  /** 0 ms: never. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs
    this.#stallMs = Math.min(STALL_MS, limitMs / 2)
    if (limitMs > 0) this.#timer = setTimeout(() => void this.#look(), limitMs - this.#stallMs)
  }

  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** Why it is over, in words for the client. */
  get reason(): string {
    return `it was not ready after ${((performance.now() - this.#begunAt) / 1000).toFixed(1)} s`
  }

  /** The run whose progress counts. */
  watch(run: Run): void {
    this.#run = run
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#over.abort() // a look that is under way sets no timer any more
  }

  async #look(): Promise<void> {
    const progress = (await this.#run?.progress()) ?? this.#most
    if (this.#over.signal.aborted) return
    const now = performance.now()
    if (this.#isMore(progress)) {
      this.#most = progress
      this.#progressAt = now
    }
    if (this.#isOver(now)) this.#over.abort()
    else this.#timer = setTimeout(() => void this.#look(), this.#stallMs / 4)
  }

  #isMore({ outputBytes, memoryBytes }: Progress): boolean {
    if (outputBytes > this.#most.outputBytes) return true
    return memoryBytes > this.#most.memoryBytes + NOTICEABLE_BYTES
  }

  #isOver(now: number): boolean {
    const elapsedMs = now - this.#begunAt
    if (elapsedMs < this.#limitMs) return false
    return elapsedMs >= LONGEST * this.#limitMs || now - this.#progressAt >= this.#stallMs
  }
}

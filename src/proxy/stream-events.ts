import { performance } from 'node:perf_hooks'

const LF = 10
const CR = 13
const LONG_AGO = Number.NEGATIVE_INFINITY

/** Counts the events of an event stream as its bytes pass, and measures the gaps between them. */
export class StreamEvents {
  readonly #onGap: (gapMs: number) => void
  #count = 0
  #lastAt = 0
  /** Where the last line ended, counted from the begin of the next chunk; long ago: an event ended with it. */
  #lineEnd = LONG_AGO
  #lastByte = 0
  #isBetween = true

  constructor(onGap: (gapMs: number) => void) {
    this.#onGap = onGap
  }

  get count(): number {
    return this.#count
  }

  /** Whether the last event is complete, so that another can follow. */
  get isBetweenEvents(): boolean {
    return this.#isBetween
  }

  /** Events that come in one chunk came at one time: they make one gap. */
  pass(chunk: Buffer): void {
    const before = this.#count
    let eventEnd = this.#isBetween && chunk.length === 0 ? 0 : -1
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) {
      if (this.#isBlankLine(chunk, at)) {
        this.#count += 1
        this.#lineEnd = LONG_AGO
        eventEnd = at + 1
      } else this.#lineEnd = at
    }
    this.#isBetween = eventEnd === chunk.length
    this.#lineEnd -= chunk.length
    this.#lastByte = chunk[chunk.length - 1] ?? this.#lastByte
    if (this.#count > before) this.#mark()
  }

  /** Whether the line that ends here is empty; it may end in CR LF (WHATWG HTML 9.2.5). */
  #isBlankLine(chunk: Buffer, at: number): boolean {
    const length = at - this.#lineEnd - 1
    return length === 0 || (length === 1 && (at > 0 ? chunk[at - 1] : this.#lastByte) === CR)
  }

  #mark(): void {
    const now = performance.now()
    if (this.#lastAt > 0) this.#onGap(now - this.#lastAt)
    this.#lastAt = now
  }
}

import { performance } from 'node:perf_hooks'

const LF = 10
const CR = 13

/** Counts the events of an event stream as its bytes pass, and measures the gaps between them. */
export class StreamEvents {
  readonly #onGap: (gapMs: number) => void
  #count = 0
  #lastAt = 0
  /** Whether a line of the next event is complete. */
  #hasLine = false
  /** Of the line that has begun, up to here. */
  #length = 0
  #lastByte = LF

  constructor(onGap: (gapMs: number) => void) {
    this.#onGap = onGap
  }

  get count(): number {
    return this.#count
  }

  /** Whether the last event is complete, so that another can follow. */
  get isBetweenEvents(): boolean {
    return !this.#hasLine && this.#length === 0
  }

  /** Events that come in one chunk came at one time: they make one gap. */
  pass(chunk: Buffer, begin = 0, end = chunk.length): void {
    const before = this.#count
    let lineBegin = begin - this.#length
    for (let at = begin; at < end; at += 1) {
      if (chunk[at] !== LF) continue
      this.#endLine(at - lineBegin, at > begin ? chunk[at - 1] : this.#lastByte)
      lineBegin = at + 1
    }
    this.#length = end - lineBegin
    if (end > begin) this.#lastByte = chunk[end - 1] ?? LF
    if (this.#count > before) this.#mark()
  }

  /** A line may end in CR LF (WHATWG HTML 9.2.5), and a blank one ends an event. */
  #endLine(length: number, last: number | undefined): void {
    const isBlank = length === 0 || (length === 1 && last === CR)
    if (isBlank && this.#hasLine) this.#count += 1
    this.#hasLine = !isBlank
  }

  #mark(): void {
    const now = performance.now()
    if (this.#lastAt > 0) this.#onGap(now - this.#lastAt)
    this.#lastAt = now
  }
}

import type { StreamFormat } from './stream-format.js'

/** Longer than any mark of an end, its white space included. */
const OVERLAP = 64
/** Longer than what stands between two events. */
const BORDER = 4

/**
 * Watches a stream as its bytes pass: has the mark of its end come, and is an event complete? Keeps no more of it
 * than the last chunk.
 */
export class StreamEnd {
  readonly #format: StreamFormat
  readonly #needsMark: boolean
  #tail = '\n' // marks stand at the begin of a line
  #last: Buffer = Buffer.from('\n\n')
  #hasMark = false

  /** `needsMark`: its end does not show otherwise, because the reply ends with its connection. */
  constructor(format: StreamFormat, needsMark: boolean) {
    this.#format = format
    this.#needsMark = needsMark
  }

  /** Whether the stream may end here. */
  get isWhole(): boolean {
    return !this.#needsMark || (this.#hasMark && this.#format.last.test(this.#tail))
  }

  /** Whether the last event is complete, so that another can follow. */
  get isBetweenEvents(): boolean {
    return this.#format.boundary.test(
      this.#last.toString('latin1', Math.max(0, this.#last.length - BORDER)),
    )
  }

  pass(chunk: Buffer): void {
    const isShort = chunk.length < BORDER
    this.#last = isShort ? Buffer.concat([this.#last.subarray(-BORDER), chunk]) : chunk
    if (!this.#needsMark) return
    const text = this.#tail + chunk.toString('latin1')
    this.#hasMark = this.#format.isEnd(text) ?? this.#hasMark
    this.#tail = text.slice(-OVERLAP)
  }
}

import { performance } from 'node:perf_hooks'

const LF = 10
const END_OF_EVENT = '\n\n'

/** Counts the events of an event stream as its bytes pass, and measures the gaps between them. */
export class StreamEvents {
  readonly #onGap: (gapMs: number) => void
  #count = 0
  #lastAt = 0
  #endsInLf = false

  constructor(onGap: (gapMs: number) => void) {
    this.#onGap = onGap
  }

  get count(): number {
    return this.#count
  }

  /** Events that come in one chunk came at one time: they make one gap. */
  pass(chunk: Buffer): void {
    const before = this.#count
    if (this.#endsInLf && chunk[0] === LF) this.#count += 1
    for (let at = chunk.indexOf(END_OF_EVENT); at >= 0; at = chunk.indexOf(END_OF_EVENT, at + 2)) {
      this.#count += 1
    }
    this.#endsInLf = chunk[chunk.length - 1] === LF && !chunk.subarray(-2).equals(LFLF)
    if (this.#count > before) this.#mark()
  }

  #mark(): void {
    const now = performance.now()
    if (this.#lastAt > 0) this.#onGap(now - this.#lastAt)
    this.#lastAt = now
  }
}

const LFLF = Buffer.from(END_OF_EVENT)

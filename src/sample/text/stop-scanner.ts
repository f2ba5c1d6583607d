/** Passes text on, but never a stop sequence or what may yet become one; deaf after the first stop it meets. */
export class StopScanner {
  readonly #stops: readonly string[]
  #held = ''
  #hasStopped = false

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '')
  }

  get hasStopped(): boolean {
    return this.#hasStopped
  }

  /** Takes the next piece and returns what may go out now. */
  push(piece: string): string {
    const text = this.#held + piece
    const cut = firstOf(text, this.#stops)
    if (cut >= 0) {
      this.#hasStopped = true
      this.#held = ''
      return text.slice(0, cut)
    }
    const kept = Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)))
    this.#held = text.slice(text.length - kept)
    return text.slice(0, text.length - kept)
  }

  /** Returns what was still held back, at the end of the text. */
  flush(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }
}

function firstOf(text: string, stops: readonly string[]): number {
  const found = stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0)
  return found.length === 0 ? -1 : Math.min(...found)
}

function overlap(text: string, stop: string): number {
  let length = Math.min(text.length, stop.length - 1)
  while (length > 0 && !stop.startsWith(text.slice(text.length - length))) length -= 1
  return length
}

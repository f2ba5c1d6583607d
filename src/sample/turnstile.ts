/** Lets `capacity` holders through at a time, in order of arrival, and turns away whoever finds too many waiting. */
export class Turnstile {
  readonly #capacity: number
  readonly #maxWaiting: number
  readonly #waiting: (() => void)[] = []
  #held = 0

  constructor(capacity: number, maxWaiting = Number.POSITIVE_INFINITY) {
    this.#capacity = capacity
    this.#maxWaiting = maxWaiting
  }

  get held(): number {
    return this.#held
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Resolves to the function that gives the place back (once), or is undefined at once when the line is full. */
  enter(): Promise<() => void> | undefined {
    if (this.#held < this.#capacity) {
      this.#held += 1
      return Promise.resolve(this.#exit())
    }
    if (this.#waiting.length >= this.#maxWaiting) return undefined
    return new Promise((resolve) => this.#waiting.push(() => resolve(this.#exit())))
  }

  #exit(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      const next = this.#waiting.shift()
      if (next) next()
      else this.#held -= 1
    }
  }
}

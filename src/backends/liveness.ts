/** So many failures in a row, and it is no longer alive: one may be a hiccup. */
const FAILURES = 3

export interface LivenessParts {
  /** How often to ask; 0: never. */
  readonly intervalMs: number
  /** Whether it has nothing to do: what is busy may be slow to answer, and is not asked. */
  readonly isIdle: () => boolean
  /** Whether it answers now. */
  readonly ask: () => Promise<boolean>
  /** Called once when it has failed too often. */
  readonly onDead: () => void
}

/** Asks a backend that is ready, while it has nothing to do, whether it still answers. */
export class Liveness {
  readonly #parts: LivenessParts
  #timer: NodeJS.Timeout | undefined
  #failures = 0

  constructor(parts: LivenessParts) {
    this.#parts = parts
  }

  start(): void {
    this.stop()
    const { intervalMs } = this.#parts
    if (intervalMs > 0) this.#timer = setTimeout(() => void this.#look(), intervalMs).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#failures = 0
  }

  async #look(): Promise<void> {
    const timer = this.#timer
    const answers = !this.#parts.isIdle() || (await this.#parts.ask())
    if (this.#timer !== timer) return // it was stopped while it was asked
    // A request that came while it was asked may be why it was slow.
    this.#failures = answers || !this.#parts.isIdle() ? 0 : this.#failures + 1
    if (this.#failures >= FAILURES) {
      this.stop()
      this.#parts.onDead()
    } else {
      this.#timer = setTimeout(() => void this.#look(), this.#parts.intervalMs).unref()
    }
  }
}

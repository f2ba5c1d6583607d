/** Calls back once nothing has happened for a while; 0 ms: never. */
export class IdleTimer {
  readonly #ms: number
  readonly #onIdle: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number, onIdle: () => void) {
    this.#ms = ms
    this.#onIdle = onIdle
  }

  start(): void {
    this.stop()
    if (this.#ms > 0) this.#timer = setTimeout(this.#onIdle, this.#ms).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

import type { Clock } from '../../src/memory/devices/clock.js'

/** Time that goes on only when it is told to, and then to each timer in turn. */
export class FakeClock implements Clock {
  #now = 0
  #timers: { at: number; call: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.#now + ms, call }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  get timers(): number {
    return this.#timers.length
  }

  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (!next) break
      this.#timers = this.#timers.filter((other) => other !== next)
      this.#now = next.at
      next.call()
      await settled()
    }
    this.#now = end
  }
}

/** Every promise that is ready has been followed. */
export const settled = () => new Promise((resolve) => setImmediate(resolve))

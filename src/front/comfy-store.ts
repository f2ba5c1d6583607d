export interface ShelfLimits {
  readonly count: number
  readonly bytes: number
  readonly ageMs: number
}

interface Kept<T> {
  readonly item: T
  readonly bytes: number
  readonly until: number
}

/** Keeps the newest of what it is given, by key: at most so many, of so many bytes in all, for so long. */
export class Shelf<T> {
  readonly #limits: ShelfLimits
  readonly #kept = new Map<string, Kept<T>>()
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(limits: ShelfLimits) {
    this.#limits = limits
  }

  /** What is bigger than the shelf is kept alone. */
  put(key: string, item: T, bytes: number): void {
    this.delete(key)
    this.#kept.set(key, { item, bytes, until: Date.now() + this.#limits.ageMs })
    this.#bytes += bytes
    for (const [oldest] of this.#kept) {
      if (oldest === key || !this.#isTooFull()) break
      this.delete(oldest)
    }
    this.#timer ??= this.#expireLater(this.#limits.ageMs)
  }

  get(key: string): T | undefined {
    return this.#kept.get(key)?.item
  }

  /** The oldest first. */
  items(): T[] {
    return [...this.#kept.values()].map(({ item }) => item)
  }

  delete(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0
    this.#kept.delete(key)
  }

  #isTooFull(): boolean {
    return this.#kept.size > this.#limits.count || this.#bytes > this.#limits.bytes
  }

  #expireLater(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#expire(), ms).unref()
  }

  #expire(): void {
    const now = Date.now()
    for (const [key, { until }] of this.#kept) {
      if (until <= now) this.delete(key)
    }
    const [next] = this.#kept.values()
    this.#timer = next && this.#expireLater(next.until - now)
  }
}

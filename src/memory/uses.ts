const HALF_LIFE_MS = 300_000

/** How much something was used of late: each use counts one, and half of that five minutes later. */
export class Uses {
  #value = 0
  #atMs = 0

  add(nowMs: number): void {
    this.#value = this.at(nowMs) + 1
    this.#atMs = nowMs
  }

  at(nowMs: number): number {
    return this.#value * 2 ** (-(nowMs - this.#atMs) / HALF_LIFE_MS)
  }
}

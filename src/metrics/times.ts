/** How often each length of time was seen, in plain numbers, so that it costs a request or an event next to nothing. */
export class Times {
  readonly #bounds: readonly number[]
  /** One for each bound, and one for what is beyond the last. */
  readonly #counts: number[]
  #sum = 0

  /** `bounds` rise, in seconds. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  add(ms: number): void {
    const seconds = ms / 1000
    let at = 0
    while (seconds > (this.#bounds[at] ?? Number.POSITIVE_INFINITY)) at += 1
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#sum += seconds
  }

  /** The series of a histogram with this name, in which each bucket holds those below it; none before the first `add`. */
  series(name: string, labels: Readonly<Record<string, string>>): Series[] {
    let count = 0
    const buckets = this.#counts.map((more, at): Series => {
      count += more
      const le = this.#bounds[at] ?? '+Inf'
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count }
    })
    if (count === 0) return []
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }
}

/** One line of what is exported. */
export interface Series {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

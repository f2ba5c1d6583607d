/** One place in a queue; keep it to leave before your turn. */
export interface Place<T> {
  readonly client: string
  readonly item: T
}

/**
 * Who is next: the clients take turns, and within one client the first to come is the first to go.
 * Pure: it neither waits nor wakes anybody.
 */
export class FairQueue<T> {
  /** In order of turns: the first client of the map is the next one. */
  readonly #clients = new Map<string, Place<T>[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  join(client: string, item: T): Place<T> {
    const place = { client, item }
    const line = this.#clients.get(client)
    if (line) line.push(place)
    else this.#clients.set(client, [place])
    this.#size += 1
    return place
  }

  /** Takes out the next item, and moves its client behind the others. */
  next(): T | undefined {
    const [client, line] = this.#clients.entries().next().value ?? []
    const place = line?.shift()
    if (client === undefined || !line || !place) return undefined
    this.#clients.delete(client)
    if (line.length > 0) this.#clients.set(client, line)
    this.#size -= 1
    return place.item
  }

  /** How many are to go before this one, if nobody joins or leaves. */
  ahead(place: Place<T>): number {
    const own = this.#clients.get(place.client)?.indexOf(place) ?? -1
    let before = own
    let isBefore = true
    for (const [client, line] of this.#clients) {
      if (client === place.client) isBefore = false
      else before += Math.min(line.length, isBefore ? own + 1 : own)
    }
    return before
  }

  /** Takes a place out before its turn; false if it is no longer there. */
  leave(place: Place<T>): boolean {
    const line = this.#clients.get(place.client)
    const at = line?.indexOf(place) ?? -1
    if (!line || at < 0) return false
    line.splice(at, 1)
    if (line.length === 0) this.#clients.delete(place.client)
    this.#size -= 1
    return true
  }
}

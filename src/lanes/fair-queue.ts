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

/** Where an item stands in a roster; -1: nowhere. */
export interface Listed {
  place: number
}

/**
 * Those who are here now, in no order. A Set would do, but one that lives long and whose items come and go with every
 * request leaves its old tables behind, each with what was in it and with a pointer to the next: once one of them is
 * in the old generation, all the requests since then stay until a whole collection.
 */
export class Roster<T extends Listed> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  /** As they are now: who comes or goes meanwhile is not seen. */
  all(): T[] {
    return this.#items.slice()
  }

  join(item: T): void {
    if (item.place >= 0) return
    item.place = this.#items.push(item) - 1
  }

  leave(item: T): void {
    if (item.place < 0) return
    const last = this.#items.pop()
    if (last !== undefined && last !== item) {
      this.#items[item.place] = last
      last.place = item.place
    }
    item.place = -1
  }
}

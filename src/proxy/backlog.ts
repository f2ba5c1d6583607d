import type { ServerResponse } from 'node:http'

/** What one reply may lag behind its backend, and what all of them together may. */
const LONGEST_BYTES = 8 * 1024 * 1024
const TOGETHER_BYTES = 64 * 1024 * 1024

/**
 * Memory for replies whose clients read more slowly than their backends write. A backend that holds its one lock
 * while it writes is relieved by it, within bounds; beyond them it has to wait for the client.
 */
export class Backlog {
  readonly #lagging = new Set<ServerResponse>()

  /** Whether a reply that its client does not keep up with may be taken from its backend all the same. */
  allows(raw: ServerResponse): boolean {
    if (raw.destroyed) return false
    this.#watch(raw)
    if (raw.writableLength > LONGEST_BYTES) return false
    let together = 0
    for (const each of this.#lagging) together += each.writableLength
    return together <= TOGETHER_BYTES
  }

  #watch(raw: ServerResponse): void {
    if (this.#lagging.has(raw)) return
    this.#lagging.add(raw)
    raw.once('close', () => this.#lagging.delete(raw))
  }
}

import { performance } from 'node:perf_hooks'
import type { Amounts } from './amounts.js'
import type { Memory } from './memory.js'

/** Its first requests are over by then, and another program's use is not taken for its own for ever. */
const WATCHED_MS = 30_000

/**
 * What one backend holds of cards that do not tell of its processes (Windows, WSL, containers, Vulkan), by what is used
 * more than before its start: as long as no other backend begins or ends, until a while after it has loaded.
 */
export class Difference {
  readonly #memory: Pick<Memory, 'changes' | 'changed' | 'used'>
  #before: Amounts = {}
  #changes = -1
  #untilMs = 0

  constructor(memory: Pick<Memory, 'changes' | 'changed' | 'used'>) {
    this.#memory = memory
  }

  /** It was granted its memory, and does not run yet. */
  begin(): void {
    this.#memory.changed()
    this.#changes = this.#memory.changes
    this.#before = this.#memory.used()
    this.#untilMs = Number.POSITIVE_INFINITY
  }

  loaded(): void {
    this.#untilMs = performance.now() + WATCHED_MS
  }

  /** By card, of those that it was granted memory of; empty where it cannot be known any more. */
  now(granted: Amounts): Amounts {
    if (this.#changes !== this.#memory.changes || performance.now() > this.#untilMs) return {}
    const used = this.#memory.used()
    return Object.fromEntries(
      Object.entries(this.#before).flatMap(([device, before]) =>
        device in used && (granted[device] ?? 0) > 0
          ? [[device, Math.max(0, (used[device] ?? 0) - before)]]
          : [],
      ),
    )
  }
}

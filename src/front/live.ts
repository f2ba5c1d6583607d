import { within } from '../abortable.js'
import type { Pool } from '../backends/pool.js'
import { canLook, look } from './look.js'
import { parse } from './read.js'

/** How long an answer of the gateway's waits for a backend's; its own is due within 10 ms. */
const WAIT_MS = 8
/** How long a backend may take until what it says is of no use any more. */
const LATE_MS = 2_000

/**
 * What backends that run say now, where milliseconds are enough; else what they said the last time. A slow answer is
 * not lost but there for the next one who asks, and no backend is asked the same twice at once.
 */
export class Live {
  readonly #pool: Pool
  readonly #last = new Map<string, unknown>()
  readonly #asking = new Map<string, Promise<void>>()

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /** Parsed JSON; undefined: it does not run, or does not answer that. Resolves within a few milliseconds. */
  async ask(name: string, path: string): Promise<unknown> {
    const key = `${name} ${path}`
    if (!canLook(this.#pool.get(name))) {
      this.#last.delete(key)
      return undefined
    }
    let asking = this.#asking.get(key)
    if (!asking) {
      asking = this.#look(name, path).finally(() => void this.#asking.delete(key))
      this.#asking.set(key, asking)
    }
    await within(WAIT_MS, asking)
    return this.#last.get(key)
  }

  async #look(name: string, path: string): Promise<void> {
    const seen = await look(this.#pool, name, { path, ms: LATE_MS })
    const said = seen?.status === 200 ? parse(seen.body) : undefined
    const key = `${name} ${path}`
    if (said === undefined) this.#last.delete(key)
    else this.#last.set(key, said)
  }
}

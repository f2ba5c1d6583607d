import type { Pool } from '../backends/pool.js'
import { look } from './look.js'
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

  /** Parsed JSON; undefined: it does not run, or has never answered. Resolves within a few milliseconds. */
  async ask(name: string, path: string): Promise<unknown> {
    const key = `${name} ${path}`
    if (this.#pool.get(name)?.readyUrl === undefined) {
      this.#last.delete(key)
      return undefined
    }
    let asking = this.#asking.get(key)
    if (!asking) {
      asking = this.#look(name, path).finally(() => void this.#asking.delete(key))
      this.#asking.set(key, asking)
    }
    await atMost(WAIT_MS, asking)
    return this.#last.get(key)
  }

  async #look(name: string, path: string): Promise<void> {
    const seen = await look(this.#pool, name, { path, ms: LATE_MS })
    const said = seen?.status === 200 ? parse(seen.body) : undefined
    if (said !== undefined) this.#last.set(`${name} ${path}`, said)
  }
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}

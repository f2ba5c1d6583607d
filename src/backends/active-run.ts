import { type Dispatcher, Pool } from 'undici'
import type { BackendConfig } from '../config/config.js'
import type { Dialect } from '../dialects/dialect.js'
import type { Run } from '../launchers/launcher.js'

/** A run that answers, with the connections to it and the requests that are on them. */
export class ActiveRun {
  readonly run: Run
  readonly upstream: Dispatcher
  readonly readyAtMs = Date.now()
  #open = 0
  #onDrained: (() => void)[] = []

  constructor(run: Run, config: BackendConfig, dialect: Dialect) {
    this.run = run
    this.upstream = createUpstream(run.origin, config, dialect)
  }

  get open(): number {
    return this.#open
  }

  /** Counts a request in. */
  enter(): void {
    this.#open += 1
  }

  /** Counts a request out. */
  leave(): void {
    this.#open -= 1
    if (this.#open > 0) return
    for (const tell of this.#onDrained.splice(0)) tell()
  }

  /** Resolves when no request is on it. */
  drained(): Promise<void> {
    if (this.#open === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onDrained.push(resolve))
  }
}

/** Connections without a cap of their own: the lane is the only queue. No time limit but the configured ones. */
function createUpstream(origin: string, config: BackendConfig, dialect: Dialect): Dispatcher {
  const { connectMs, headersMs, bodyIdleMs } = config.timeouts
  return new Pool(origin, {
    connections: null,
    pipelining: dialect.keepsConnections ? 1 : 0,
    connect: { timeout: connectMs },
    headersTimeout: headersMs,
    bodyTimeout: bodyIdleMs,
  })
}

import { within } from '../abortable.js'
import type { BackendConfig } from '../config/config.js'
import type { Dialect } from '../dialects/dialect.js'
import type { Run } from '../launchers/launcher.js'
import { IdleTimer } from './idle.js'
import { Liveness } from './liveness.js'
import { probeOnce } from './readiness.js'
import { Upstream } from './upstream.js'

/** What is idle answers in milliseconds, unless the machine is busy with something else. */
const SHORTEST_ANSWER_MS = 1_000
const LONGEST_ANSWER_MS = 5_000

/** `release`: left running, to be adopted; `when done`: ended, however long its requests take. */
export type HowToStop = 'end' | 'release' | 'when done'

export interface ActiveRunParts {
  readonly config: BackendConfig
  readonly dialect: Dialect
  /** It has had nothing to do for its idle timeout. */
  readonly onIdle: () => void
  /** It lives, but answers no more. */
  readonly onDead: () => void
}

/** A run that answers, with the connections to it, the requests on them, and the watch over it. */
export class ActiveRun {
  readonly run: Run
  readonly upstream: Upstream
  readonly #readyAt = Date.now()
  readonly #idle: IdleTimer
  readonly #liveness: Liveness
  readonly #retired = new AbortController()
  #open = 0
  #onDrained: (() => void)[] = []
  #onHurry = () => {}

  constructor(run: Run, parts: ActiveRunParts) {
    const { config } = parts
    this.run = run
    this.upstream = new Upstream(run.origin, {
      ...config.timeouts,
      keepsConnections: parts.dialect.keepsConnections,
    })
    this.#idle = new IdleTimer(config.keepLoaded ? 0 : config.idleTimeoutMs, parts.onIdle)
    this.#liveness = new Liveness({
      intervalMs: config.livenessIntervalMs,
      isIdle: () => this.#open === 0,
      ask: () => this.#answers(parts),
      onDead: parts.onDead,
    })
    this.#idle.start()
    this.#liveness.start()
  }

  /** How long it has been ready. */
  get upMs(): number {
    return Date.now() - this.#readyAt
  }

  get open(): number {
    return this.#open
  }

  /** Counts a request in. */
  enter(): void {
    this.#idle.stop()
    this.#open += 1
  }

  /** Counts a request out. */
  leave(): void {
    this.#open -= 1
    if (this.#open > 0) return
    if (!this.#retired.signal.aborted) this.#idle.start()
    for (const tell of this.#onDrained.splice(0)) tell()
  }

  /** Resolves when no request is on it. */
  drained(): Promise<void> {
    if (this.#open === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onDrained.push(resolve))
  }

  /** The same, or when somebody is in a hurry. */
  async undisturbed(): Promise<void> {
    const hurried = new Promise<void>((resolve) => {
      this.#onHurry = resolve
    })
    await Promise.race([this.drained(), hurried])
  }

  hurry(): void {
    this.#onHurry()
  }

  /** Resolves with whether it ends by itself within `ms` milliseconds. */
  async endedWithin(ms: number): Promise<boolean> {
    let ended = false
    const end = this.run.exited.then(() => {
      ended = true
    })
    await within(ms, end)
    return ended
  }

  /** No new request goes there; those on it end as its sockets do. */
  retire(): void {
    this.#retired.abort()
    this.#idle.stop()
    this.#liveness.stop()
    this.upstream.close().catch(() => {})
  }

  async #answers({ config, dialect }: ActiveRunParts): Promise<boolean> {
    const { serves, address } = config
    const ask = { dialect, serves, basePath: address.basePath, signal: this.#retired.signal }
    const answerMs = Math.min(
      Math.max(config.livenessIntervalMs, SHORTEST_ANSWER_MS),
      LONGEST_ANSWER_MS,
    )
    try {
      return (await probeOnce(this.run.origin, { ...ask, answerMs })).is === 'ready'
    } catch {
      return true // retired while it was asked: nobody cares any more
    }
  }
}

import { performance } from 'node:perf_hooks'
import { abortable } from '../abortable.js'
import type { BackendConfig } from '../config/config.js'
import type { Leaving } from '../departure.js'
import type { Dialect } from '../dialects/dialect.js'
import { dialectOf } from '../dialects/dialect-of.js'
import { GatehouseError } from '../errors.js'
import { Lane, type Turn } from '../lanes/lane.js'
import type { Launcher } from '../launchers/launcher.js'
import type { ActiveRun } from './active-run.js'
import type { Lease, LeaseAsk } from './lease.js'
import { Life, type LifeParts } from './life.js'
import type { State } from './states.js'

export interface BackendStatus {
  readonly name: string
  readonly state: State
  readonly launcher: Launcher['kind']
  readonly waiting: number
  readonly inFlight: number
  readonly reason: string
  readonly pid: number | undefined
}

const NO_TURN: Turn = { end: () => {} }

/** One instance that can serve workloads: leased by requests, started by the first of them. */
export class Backend {
  readonly config: BackendConfig
  readonly #dialect: Dialect
  readonly #lane: Lane
  readonly #life: Life

  constructor(config: BackendConfig, parts: LifeParts) {
    this.config = config
    this.#dialect = dialectOf(config.dialect)
    this.#lane = new Lane(config)
    this.#life = new Life(config, this.#dialect, parts)
  }

  /**
   * Leave to send one request, once it is this client's turn and the backend answers, starting it if the ask allows.
   * Rejects with the signal's reason when the client leaves first, else with a GatehouseError that says why not.
   */
  async lease(ask: LeaseAsk): Promise<Lease> {
    const asked = performance.now()
    this.#life.checkOpen()
    if (!this.#mayStart(ask) && !this.#life.ready) throw this.#error('GATEHOUSE_NOT_RUNNING')
    if (ask.onlyIdle && this.#wouldWaitUnseen()) throw this.#error('GATEHOUSE_BUSY')
    const turn = ask.lane ? await this.#enterLane(ask) : NO_TURN
    const turned = performance.now()
    try {
      const active = await this.#enterRun(ask)
      return this.#grant(active, turn, { asked, turned })
    } catch (error) {
      turn.end()
      throw error
    }
  }

  /** Where it listens, its base path included, while it is ready; to look at it without holding it awake. */
  get readyUrl(): string | undefined {
    const origin = this.#life.ready?.run.origin
    return origin === undefined ? undefined : origin + this.config.address.basePath
  }

  /** Starts the backend if it is down, and resolves when it is ready. */
  async start(signal: Leaving): Promise<void> {
    signal.throwIfAborted()
    await abortable(this.#life.whenReady(), signal)
  }

  /** Begins to go on with what an earlier gateway left of it; whoever asks meanwhile waits for that. */
  adopt(): Promise<void> {
    return this.#life.adopt()
  }

  /** Lets running requests end (bounded), then stops it. Resolves when nothing of it lives. */
  stop(reason: string): Promise<void> {
    return this.#life.stop(reason)
  }

  /** Lets running requests end (bounded), and leaves it running for the next gateway to adopt. */
  release(): Promise<void> {
    return this.#life.stop('left to the next gateway', 'release')
  }

  /** Refuses everybody who waits and everybody who will ask, with this error. */
  refuse(error: GatehouseError): void {
    this.#life.refuse(error)
    this.#lane.refuse(error)
  }

  /** Ends its processes at once, without waiting. */
  kill(): void {
    this.#life.kill()
  }

  status(): BackendStatus {
    return {
      name: this.config.name,
      waiting: this.#lane.waiting,
      ...this.#life.status(),
    }
  }

  /** What somebody else runs costs nothing to ask: it is only looked at. */
  #mayStart({ wake }: LeaseAsk): boolean {
    return wake || this.#life.isExternal
  }

  #wouldWaitUnseen(): boolean {
    return this.#dialect.unknownPostsWait && this.#lane.held > 0
  }

  async #enterLane(ask: LeaseAsk): Promise<Turn> {
    const turn = this.#lane.enter(ask.client, ask.signal)
    if (!turn) throw this.#error('GATEHOUSE_LANE_FULL', 5)
    return turn
  }

  /** Counts the request in on a run that is ready in the same tick. */
  async #enterRun(ask: LeaseAsk): Promise<ActiveRun> {
    for (;;) {
      ask.signal.throwIfAborted()
      const active = this.#life.enter()
      if (active) return active
      if (!this.#mayStart(ask)) throw this.#error('GATEHOUSE_NOT_RUNNING')
      await abortable(this.#life.whenReady(), ask.signal)
    }
  }

  #grant(active: ActiveRun, turn: Turn, times: { asked: number; turned: number }): Lease {
    let ended = false
    const grantedAt = performance.now()
    return {
      config: this.config,
      dialect: this.#dialect,
      upstream: active.upstream,
      origin: active.run.origin,
      queueWaitMs: times.turned - times.asked,
      startWaitMs: grantedAt - times.turned,
      grantedAt,
      unreachable: () => this.#life.unreachable(active),
      // Of what somebody else runs, no end is ever told.
      endedWithin: async (ms) => !this.#life.isExternal && active.endedWithin(ms),
      end: () => {
        if (ended) return
        ended = true
        active.leave()
        turn.end()
      },
    }
  }

  #error(
    code: 'GATEHOUSE_NOT_RUNNING' | 'GATEHOUSE_BUSY' | 'GATEHOUSE_LANE_FULL',
    retryAfterSeconds?: number,
  ): GatehouseError {
    const values = { backend: this.config.name }
    return new GatehouseError(code, retryAfterSeconds ? { values, retryAfterSeconds } : { values })
  }
}

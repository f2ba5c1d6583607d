import { performance } from 'node:perf_hooks'
import type { BackendConfig } from '../config/config.js'
import type { Leaving } from '../departure.js'
import type { Dialect } from '../dialects/dialect.js'
import { dialectOf } from '../dialects/dialect-of.js'
import { GatehouseError } from '../errors.js'
import { Lane, type Turn } from '../lanes/lane.js'
import type { Launcher } from '../launchers/launcher.js'
import type { BackendMemory, HeldStatus } from '../memory/backend-memory.js'
import type { Memory } from '../memory/memory.js'
import type { EvictionReason } from '../memory/recorder.js'
import type { ActiveRun } from './active-run.js'
import type { DeviceTurns } from './device-turns.js'
import { History, waitOf } from './history.js'
import type { Lease, LeaseAsk } from './lease.js'
import { Life, type LifeParts } from './life.js'
import { refusedAt } from './refused-at.js'
import { kept, type Waiter } from './starting.js'
import type { State } from './states.js'

export interface BackendStatus {
  readonly name: string
  readonly state: State
  readonly launcher: Launcher['kind']
  readonly waiting: number
  /** Requests that have their turn, and wait for memory or until it is ready. */
  readonly entering: number
  readonly inFlight: number
  /** Until one that asks now had its turn, in milliseconds; undefined: nothing is known yet. */
  readonly waitMs: number | undefined
  /** How long requests hold it of late, in milliseconds; undefined: none has ended yet. */
  readonly serviceMs: number | undefined
  readonly reason: string
  readonly pid: number | undefined
  readonly memory: readonly HeldStatus[]
}

export interface BackendParts extends Omit<LifeParts, 'memory'> {
  readonly memory: Memory
  readonly turns: DeviceTurns
}

interface LeaseTimes {
  readonly asked: number
  /** When it had its turn, and when it was counted in. */
  readonly turned: number
  readonly entered: number
}

/** Where no request has ended yet. */
const UNKNOWN_RETRY_MS = 5_000
const NO_TURN: Turn = { end: () => {} }
const EVICTED: Readonly<Record<EvictionReason, string>> = {
  room: 'to make room for another',
  'out-of-memory': 'to make room for another that ran out of memory',
  quota: 'it held more memory than it may',
}

/** One instance that can serve workloads: leased by requests, started by the first of them. */
export class Backend {
  readonly config: BackendConfig
  readonly #dialect: Dialect
  readonly #lane: Lane
  readonly #life: Life
  readonly #memory: BackendMemory
  readonly #history = new History()
  readonly #parts: BackendParts
  /** Since when nobody gets in: those in line behind one that waits for memory wait for it, too. */
  #stalledAtMs: number | undefined
  /** Requests that are about to be counted in, and not yet. */
  #entering = 0

  constructor(config: BackendConfig, parts: BackendParts) {
    this.config = config
    this.#parts = parts
    this.#dialect = dialectOf(config.dialect)
    this.#lane = new Lane(config)
    const holder = {
      isIdle: (isYielding: boolean) => this.#isIdle(isYielding),
      evict: (reason: EvictionReason) =>
        void this.#life.stop(EVICTED[reason], reason === 'quota' ? 'when done' : 'end'),
    }
    const { commandHash } = parts.launcher
    this.#memory = parts.memory.of({ config, commandHash, holder })
    this.#life = new Life(config, this.#dialect, { ...parts, memory: this.#memory })
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
      this.#stalledAtMs ??= turned
      const active = await this.#enterRun(ask, Math.max(asked, this.#stalledAtMs))
      this.#stalledAtMs = undefined
      const entered = performance.now()
      const takesTurns = ask.lane && this.#parts.turns.areTaken
      const onDevice = takesTurns ? await this.#enterDevices(active, ask) : NO_TURN
      const end = () => {
        onDevice.end()
        active.leave()
        turn.end()
        this.#memory.rested()
      }
      return this.#grant(active, end, { asked, turned, entered })
    } catch (error) {
      this.#notOnlyWaited(error, ask.signal)
      turn.end()
      this.#memory.rested()
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
    await this.#life.whenReady(kept(signal))
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
      entering: this.#entering,
      waitMs: rounded(this.#waitMs(this.#lane.waiting)),
      serviceMs: rounded(this.#history.serviceMs),
      memory: this.#memory.status(),
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
    const tell = (ahead: number) => ask.asker?.waits(ahead, this.#waitMs(ahead))
    if (!this.#life.ready && this.#lane.waiting === 0) tell(0)
    const turn = this.#lane.enter(ask.client, ask.signal, tell)
    if (!turn) throw this.#error('GATEHOUSE_LANE_FULL', this.#retryAfterS())
    return turn
  }

  /** Counts the request in on a run that is ready in the same tick. */
  async #enterRun(ask: LeaseAsk, askedAtMs: number): Promise<ActiveRun> {
    const untilMs = askedAtMs + this.#parts.memory.maxWaitMs
    const waiter = { signal: ask.signal, askedAtMs, untilMs }
    for (;;) {
      ask.signal.throwIfAborted()
      if (ask.lane && this.#memory.mustYield) {
        await this.#yield(waiter)
        continue
      }
      const active = this.#life.enter()
      if (active) return active
      if (!this.#mayStart(ask)) throw this.#error('GATEHOUSE_NOT_RUNNING')
      const started = await this.#start(waiter)
      if (started) return started
    }
  }

  /** From the start of the wait until the request is counted in, there is no tick in which it looks idle. */
  async #start(waiter: Waiter): Promise<ActiveRun | undefined> {
    this.#entering += 1
    try {
      await this.#life.whenReady(waiter)
      return this.#life.enter()
    } finally {
      this.#entering -= 1
    }
  }

  /** A failure of another kind: those behind this one begin to wait anew. */
  #notOnlyWaited(error: unknown, { aborted: hasLeft }: Leaving): void {
    const isOfMemory = error instanceof GatehouseError && error.code === 'GATEHOUSE_NO_MEMORY'
    if (!isOfMemory && !hasLeft) this.#stalledAtMs = undefined
  }

  /** Lets an older ask for its memory go first. */
  async #yield({ signal, untilMs }: Waiter): Promise<void> {
    const over = new AbortController()
    const refusal = refusedAt(untilMs, over.signal, () => this.#life.memoryRefusal())
    const passed = this.#memory.whenMayPass(signal)
    this.#memory.rested()
    await Promise.race([passed, refusal]).finally(() => over.abort())
  }

  async #enterDevices(active: ActiveRun, ask: LeaseAsk): Promise<Turn> {
    try {
      return await this.#parts.turns.enter(this.#memory.devices, ask)
    } catch (error) {
      active.leave()
      throw error
    }
  }

  /** How long a request waits that has so many before it; undefined: nothing is known yet. */
  #waitMs(waiting: number): number | undefined {
    const { concurrency } = this.config
    const { serviceMs } = this.#history
    const readyMs = this.#life.ready ? 0 : this.#memory.startMs
    return waitOf({ running: this.#lane.held, waiting, concurrency, serviceMs, readyMs })
  }

  /** When there is likely to be room in the lane again. */
  #retryAfterS(): number {
    const { serviceMs = UNKNOWN_RETRY_MS } = this.#history
    return Math.max(1, Math.ceil(serviceMs / 1000))
  }

  /** What is yielding is idle when nothing runs on it; else those that come next count, too. */
  #isIdle(isYielding: boolean): boolean {
    if (this.#life.inFlight + this.#entering > 0) return false
    return isYielding || this.#lane.held + this.#lane.waiting === 0
  }

  #grant(active: ActiveRun, end: () => void, times: LeaseTimes): Lease {
    let ended = false
    const grantedAt = performance.now()
    this.#memory.used(times.asked)
    return {
      config: this.config,
      dialect: this.#dialect,
      upstream: active.upstream,
      origin: active.run.origin,
      queueWaitMs: times.turned - times.asked + (grantedAt - times.entered),
      startWaitMs: times.entered - times.turned,
      grantedAt,
      unreachable: () => this.#life.unreachable(active),
      // Of what somebody else runs, no end is ever told.
      endedWithin: async (ms) => !this.#life.isExternal && active.endedWithin(ms),
      end: () => {
        if (ended) return
        ended = true
        this.#history.served(performance.now() - grantedAt)
        end()
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

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms)
}

import { abortable } from '../../src/abortable.js'
import type { Leaving } from '../../src/departure.js'
import { Lane } from '../../src/lanes/lane.js'
import type { Amounts } from '../../src/memory/amounts.js'
import type { Grant, Holder } from '../../src/memory/grant.js'
import type { EvictionReason } from '../../src/memory/recorder.js'
import { Rhythm } from '../../src/memory/rhythm.js'
import { Uses } from '../../src/memory/uses.js'
import type { World } from './memory-world.js'

/** In a world things take a few milliseconds; for a rhythm, that is not worth to be noticed. */
const SLOWER = 20

export interface SimConfig {
  readonly name: string
  readonly placements: readonly Amounts[]
  readonly priority: number
  readonly concurrency: number
  readonly keepLoaded: boolean
  readonly startMs: number
  readonly stopMs: number
  /** How its starts go, over and over: `fails` after its time, `runs out` of memory once, and has another freed. */
  readonly starts: readonly ('well' | 'fails' | 'runs out')[]
}

/** A request from its turn in the lane until it runs, or gives up. */
export interface SimRequest {
  readonly backend: string
  readonly askedAtMs: number
  /** It runs, or has left, or was refused. */
  waitedUntilMs: number
}

interface Start {
  readonly giveUp: AbortController
  readonly work: Promise<void>
  waiters: number
}

/** Does with a scheduler what src/backends/{backend,life,last-run}.ts do, in the time of a world and without programs. */
export class SimBackend implements Holder {
  readonly config: SimConfig
  readonly #world: World
  readonly #lane: Lane
  state: 'down' | 'queued' | 'starting' | 'ready' | 'stopping' = 'down'
  inFlight = 0
  entering = 0
  readyAtMs = 0
  #started = 0
  #grant: Grant | undefined
  #start: Start | undefined
  #stopping: Promise<void> | undefined
  #ending: Promise<void> = Promise.resolve()
  readonly #uses = new Uses()
  readonly #rhythm = new Rhythm()

  constructor(config: SimConfig, world: World) {
    this.config = config
    this.#world = world
    this.#lane = new Lane({
      concurrency: config.concurrency,
      queueLimit: Number.POSITIVE_INFINITY,
    })
  }

  get name(): string {
    return this.config.name
  }

  get staysLoaded(): boolean {
    return this.config.keepLoaded
  }

  isIdle(isYielding: boolean): boolean {
    if (this.inFlight + this.entering > 0) return false
    return isYielding || this.#lane.held + this.#lane.waiting === 0
  }

  expectedUntilMs(mostMs: number): number {
    return this.#rhythm.expectedUntilMs(mostMs * SLOWER) / SLOWER
  }

  returnCost(): number {
    return this.config.startMs * (0.25 + this.#uses.at(this.#world.clock.now()))
  }

  evict(reason: EvictionReason): void {
    this.#world.evicted(this, reason)
    void this.stop()
  }

  /** Settles when the request has ended, or rejects: it has left, or the start failed. */
  async serve(client: string, lengthMs: number, signal: Leaving): Promise<void> {
    const now = () => this.#world.clock.now()
    const cameAtMs = now()
    const turn = await this.#lane.enter(client, signal)
    const request = {
      backend: this.name,
      askedAtMs: now(),
      waitedUntilMs: Number.POSITIVE_INFINITY,
    }
    this.#world.requests.push(request)
    try {
      await this.#enter(request, signal)
      request.waitedUntilMs = now()
      this.#rhythm.asked(cameAtMs * SLOWER)
      this.#uses.add(now())
      await this.#world.sleep(lengthMs, signal).finally(() => {
        this.inFlight -= 1
      })
    } finally {
      request.waitedUntilMs = Math.min(request.waitedUntilMs, now())
      turn?.end()
      this.#rested()
    }
  }

  /** As for one that is kept loaded: nobody who waits for it grows impatient. */
  async keep(): Promise<void> {
    await this.#whenReady(Number.POSITIVE_INFINITY, new AbortController().signal)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  async #enter({ askedAtMs }: SimRequest, signal: Leaving): Promise<void> {
    const { scheduler } = this.#world
    for (;;) {
      signal.throwIfAborted()
      if (scheduler.mustYield(this.name)) {
        const passed = scheduler.whenMayPass(this.name, signal)
        this.#rested()
        await passed
      }
      if (this.#hasEntered()) return
      this.entering += 1
      try {
        await this.#whenReady(askedAtMs, signal)
        if (this.#hasEntered()) return
      } finally {
        this.entering -= 1
      }
    }
  }

  /** As BackendMemory.rested() does it. */
  #rested(): void {
    this.#rhythm.rested(this.#world.clock.now() * SLOWER)
    this.#world.rested()
  }

  #hasEntered(): boolean {
    if (this.state !== 'ready') return false
    this.inFlight += 1
    return true
  }

  async #whenReady(askedAtMs: number, signal: Leaving): Promise<void> {
    while (this.#stopping !== undefined) await abortable(this.#stopping, signal)
    if (this.state === 'ready') return
    this.#start ??= this.#begin(askedAtMs)
    const start = this.#start
    start.waiters += 1
    try {
      await abortable(start.work, signal)
    } finally {
      start.waiters -= 1
      if (start.waiters === 0 && this.state === 'queued') void this.stop()
    }
  }

  #begin(askedAtMs: number): Start {
    this.state = 'queued'
    const giveUp = new AbortController()
    const work = this.#bringUp(askedAtMs, giveUp.signal).finally(() => {
      this.#start = undefined
    })
    work.catch(() => {})
    return { giveUp, work, waiters: 0 }
  }

  async #bringUp(askedAtMs: number, giveUp: AbortSignal): Promise<void> {
    const { scheduler } = this.#world
    try {
      await this.#ending
      const { placements, priority } = this.config
      const ask = { holder: this, placements, priority, askedAtMs }
      this.#grant = await scheduler.reserve(ask, giveUp)
      this.#world.granted(this, { askedAtMs, amounts: this.#grant.amounts })
      giveUp.throwIfAborted()
      this.state = 'starting'
      await this.#load()
      this.state = 'ready'
      this.readyAtMs = this.#world.clock.now()
      this.#grant.ready()
    } catch (error) {
      this.#clear()
      if (!giveUp.aborted) this.state = 'down'
      throw error
    }
  }

  async #load(): Promise<void> {
    const { starts, startMs, stopMs } = this.config
    const how = starts[this.#started % starts.length]
    this.#started += 1
    await this.#world.sleep(startMs)
    if (how === 'fails') throw new Error('the start failed')
    if (how !== 'runs out') return
    await this.#world.sleep(stopMs)
    const devices = Object.keys(this.#grant?.amounts ?? {})
    const hasMore = await this.#world.scheduler.freeOne(devices, 'out-of-memory')
    if (!hasMore) throw new Error('the start ran out of memory')
    await this.#world.sleep(startMs)
  }

  async #stop(): Promise<void> {
    if (this.state === 'down') return this.#ending
    const start = this.state === 'ready' ? undefined : this.#start
    this.state = 'stopping'
    if (start) {
      start.giveUp.abort(new Error('nobody waits for it any more'))
      await start.work.catch(() => {})
    } else this.#clear()
    await this.#ending
    this.state = 'down'
  }

  /** Begins to end what is left of it, and gives the memory back then. */
  #clear(): void {
    const grant = this.#grant
    this.#grant = undefined
    if (!grant) return
    this.#ending = this.#world.sleep(this.config.stopMs).then(() => grant.release())
  }
}

import { Lane } from '../src/lanes/lane.js'
import type { Clock } from '../src/memory/devices/clock.js'
import type { Grant, Holder } from '../src/memory/grant.js'
import { Scheduler } from '../src/memory/scheduler.js'
import { Uses } from '../src/memory/uses.js'
import { WORKLOADS, type Workload } from './swaps-trace.js'
import { type AskOf, type Card, type Limits, type Policy, sleep } from './swaps-world.js'

const STAYS = new AbortController().signal
/** As BackendMemory has them. */
const UNSEEN_START_MS = 5_000
const LEAST_USE = 0.25

interface Parts {
  readonly card: Card
  readonly clock: Clock
  readonly limits: Limits
  readonly scheduler: Scheduler
}

/** The gateway's own scheduler and lanes, with backends that only pretend. */
export class Ours implements Policy {
  readonly #backends: ReadonlyMap<Workload, PretendedBackend>

  constructor(card: Card, clock: Clock, limits: Limits) {
    const scheduler = new Scheduler({
      clock,
      limits,
      room: () => ({ gpu0: card.memory }),
      seen: () => ({}),
      settled: () => Promise.resolve(),
    })
    const parts = { card, clock, limits, scheduler }
    this.#backends = new Map(WORKLOADS.map((name) => [name, new PretendedBackend(name, parts)]))
  }

  get loads(): number {
    return [...this.#backends.values()].reduce((total, { loads }) => total + loads, 0)
  }

  async serve(ask: AskOf): Promise<number | undefined> {
    return this.#backends.get(ask.workload)?.serve(ask)
  }
}

/**
 * Goes through the same steps as Backend and Life do, in the same ticks. With one request at a time, whoever has the
 * turn is the only one who ever starts it.
 */
class PretendedBackend {
  loads = 0
  readonly #name: Workload
  readonly #parts: Parts
  readonly #holder: Holder
  readonly #lane = new Lane({ concurrency: 1, queueLimit: Number.POSITIVE_INFINITY })
  readonly #uses = new Uses()
  #isReady = false
  #inFlight = 0
  #entering = 0
  #startMs = UNSEEN_START_MS
  #grant: Grant | undefined
  #stopping: Promise<void> | undefined

  constructor(name: Workload, parts: Parts) {
    this.#name = name
    this.#parts = parts
    this.#holder = {
      name,
      staysLoaded: false,
      isIdle: (isYielding) => this.#isIdle(isYielding),
      evict: () => {
        this.#stopping = this.#stop()
      },
      returnCost: () => this.#startMs * (LEAST_USE + this.#uses.at(parts.clock.now())),
    }
  }

  async serve({ client, serviceMs }: AskOf): Promise<number | undefined> {
    const { clock } = this.#parts
    const turn = await this.#lane.enter(client, STAYS)
    try {
      await this.#enter()
      const begun = clock.now()
      this.#uses.add(begun)
      await sleep(clock, serviceMs)
      this.#inFlight -= 1
      return begun
    } catch (error) {
      if (error instanceof Refused) return undefined
      throw error
    } finally {
      turn?.end()
      this.#rested()
    }
  }

  /** Counts the request in on a run that is ready in the same tick. */
  async #enter(): Promise<void> {
    const { clock, limits, scheduler } = this.#parts
    const askedAtMs = clock.now()
    const patience = new AbortController()
    const callOff = clock.after(limits.maxWaitMs, () => patience.abort(new Refused()))
    for (;;) {
      if (scheduler.mustYield(this.#name)) await this.#yield(patience.signal)
      if (this.#isReady) break
      this.#entering += 1
      await this.#start(askedAtMs, patience.signal, callOff).finally(() => {
        if (this.#isReady) this.#inFlight += 1
        this.#entering -= 1
      })
      if (this.#isReady) return callOff()
    }
    this.#inFlight += 1
    callOff()
  }

  /** Once it has its memory, it is not refused any more. */
  async #start(askedAtMs: number, signal: AbortSignal, granted: () => void): Promise<void> {
    const { card, clock, scheduler } = this.#parts
    while (this.#stopping !== undefined) await this.#stopping
    const { memory, loadMs } = card.backends[this.#name]
    const ask = { holder: this.#holder, placements: [{ gpu0: memory }], priority: 0, askedAtMs }
    this.#grant = await scheduler.reserve(ask, signal)
    granted()
    this.loads += 1
    await sleep(clock, loadMs)
    this.#startMs = loadMs
    this.#isReady = true
    this.#grant.ready()
  }

  async #yield(signal: AbortSignal): Promise<void> {
    const passed = this.#parts.scheduler.whenMayPass(this.#name, signal)
    this.#rested()
    await passed
  }

  async #stop(): Promise<void> {
    const { card, clock } = this.#parts
    this.#isReady = false
    await sleep(clock, card.backends[this.#name].stopMs)
    await this.#grant?.release()
    this.#stopping = undefined
  }

  #rested(): void {
    const { scheduler } = this.#parts
    if (scheduler.isAnybodyWaiting) scheduler.look()
  }

  #isIdle(isYielding: boolean): boolean {
    if (this.#inFlight + this.#entering > 0) return false
    return isYielding || this.#lane.held + this.#lane.waiting === 0
  }
}

/** It waited for its memory for too long. */
class Refused extends Error {}

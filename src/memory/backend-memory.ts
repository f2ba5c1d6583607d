import { performance } from 'node:perf_hooks'
import { abortable } from '../abortable.js'
import type { Leaving } from '../departure.js'
import type { Amounts } from './amounts.js'
import { Difference } from './difference.js'
import { Expectation, type ExpectationParts } from './expectation.js'
import type { Grant, Holder } from './grant.js'
import { needsMemory } from './needs.js'
import { Quota } from './quota.js'
import { Rhythm } from './rhythm.js'
import { Uses } from './uses.js'

export interface BackendMemoryParts extends ExpectationParts {
  readonly holder: Pick<Holder, 'isIdle' | 'evict'>
}

/** What one backend holds of a device, in bytes. */
export interface HeldStatus {
  readonly device: string
  /** By routes.json; undefined: it is learned, or not said. */
  readonly declaredBytes: number | undefined
  readonly reservedBytes: number
  /** Undefined: nobody tells, or it does not run. */
  readonly seenBytes: number | undefined
  /** The most that was ever seen of this command; 0: none was. */
  readonly peakBytes: number
}

/** What a start costs that was never seen. */
const UNSEEN_START_MS = 5_000
/** Also what is hardly used is not free to bring back. */
const LEAST_USE = 0.25

/** The memory of one backend: asked for before each of its starts, held while it runs, given back after it. */
export class BackendMemory {
  /** Whether it holds any that is counted. */
  readonly isCounted: boolean
  readonly #parts: BackendMemoryParts
  readonly #holder: Holder
  readonly #uses = new Uses()
  readonly #expectation: Expectation
  readonly #quota: Quota
  readonly #difference: Difference
  #grant: Grant | undefined
  #grantedAtMs = 0
  readonly #rhythm = new Rhythm()
  #ranOut = false
  #isReady = false
  /** What it holds before its first request is not all that it will. */
  #hasServed = false
  /** It begins or ends, so that what the devices say changes. */
  isMoving = false

  constructor(parts: BackendMemoryParts) {
    const { config, memory } = parts
    this.#parts = parts
    this.isCounted = config.launcher.kind !== 'external' && needsMemory(config.memory)
    this.#holder = {
      name: config.name,
      staysLoaded: config.keepLoaded,
      isIdle: (isYielding) => parts.holder.isIdle(isYielding),
      evict: (reason) => {
        memory.recorder.evicted({ backend: config.name, reason })
        parts.holder.evict(reason)
      },
      returnCost: () => this.#returnCost(),
      expectedUntilMs: (mostMs) => this.#rhythm.expectedUntilMs(mostMs),
    }
    this.#expectation = new Expectation(parts)
    this.#quota = new Quota(config, memory.recorder)
    this.#difference = new Difference(memory)
  }

  /** How long until it would be ready, as far as its own starts tell; undefined: it never was. */
  get startMs(): number | undefined {
    return this.#expectation.startMs
  }

  /** What was granted, by device. */
  get amounts(): Amounts {
    return this.#grant?.amounts ?? {}
  }

  /** Variables that limit it to the card that was chosen for it. */
  get env(): Readonly<Record<string, string>> {
    const card = this.#expectation.cardOf(this.amounts)
    return (card === undefined ? undefined : this.#parts.memory.meter.reading(card)?.select) ?? {}
  }

  get mustYield(): boolean {
    return this.isCounted && this.#parts.memory.scheduler.mustYield(this.#holder.name)
  }

  /** Resolves once it need not yield. Rejects with the signal's reason. */
  whenMayPass(signal: Leaving): Promise<void> {
    return this.#parts.memory.scheduler.whenMayPass(this.#holder.name, signal)
  }

  /** The devices that it works on. */
  get devices(): string[] {
    const { amounts, shares } = this.#parts.config.memory
    return [
      ...new Set([...Object.keys(amounts), ...Object.keys(shares), ...Object.keys(this.amounts)]),
    ]
  }

  status(): HeldStatus[] {
    const { memory, config } = this.#parts
    const { seen } = memory.meter.held(config.name)
    return [...new Set([...this.devices, ...Object.keys(seen)])].map((device) => ({
      device,
      declaredBytes: Number(config.memory.amounts[device]) || undefined,
      reservedBytes: this.amounts[device] ?? 0,
      seenBytes: seen[device],
      peakBytes: this.#expectation.peakOn(device, this.amounts),
    }))
  }

  /** Who else holds what of its devices, in words for a client. */
  holdersText(): string {
    const { memory, config } = this.#parts
    const cards = memory
      .devices()
      .filter(({ isGpu }) => isGpu)
      .map(({ name }) => name)
    const any = config.memory.anyGpu === undefined ? [] : cards
    return memory.explain([...new Set([...this.devices, ...any])], config.name)
  }

  /** A request was let in that was asked for at this time, by `performance.now()`. */
  used(askedAtMs: number): void {
    if (!this.isCounted) return
    this.#rhythm.asked(askedAtMs)
    this.#uses.add(performance.now())
    this.#hasServed = true
  }

  /** Resolves when it has its memory. Rejects with the signal's reason, or with a MemoryShortage: it never can. */
  async reserve(askedAtMs: number, signal: AbortSignal): Promise<void> {
    this.#grantedAtMs = performance.now()
    if (!this.isCounted) return
    const { memory, config } = this.#parts
    this.#moves(true)
    await abortable(memory.meter.fresh(), signal)
    const placements = await this.#expectation.placements()
    const ask = {
      holder: this.#holder,
      priority: config.priority,
      askedAtMs,
      get placements() {
        return placements()
      },
    }
    this.#grant = await memory.scheduler.reserve(ask, signal)
    this.#grantedAtMs = performance.now()
    this.#difference.begin()
    if (this.#ranOut) await this.freeOne()
    this.#ranOut = false
  }

  /** The same for what runs already, at once; false: there is no room for it. */
  async take(): Promise<boolean> {
    if (!this.isCounted) return true
    const { memory } = this.#parts
    await memory.meter.fresh()
    const { counted } = memory.meter.held(this.#holder.name)
    const onItsCards = (amounts: Amounts) =>
      Object.keys(amounts).filter((device) => (counted[device] ?? 0) > 0).length
    const placements = (await this.#expectation.placements())()
    placements.sort((a, b) => onItsCards(b) - onItsCards(a))
    this.#grant = memory.scheduler.take(this.#holder, placements)
    return this.#grant !== undefined
  }

  /** It runs, as this process and all that it starts. */
  watch(pid: number | undefined): void {
    if (pid === undefined || this.#parts.commandHash === undefined) return
    this.#parts.memory.begin(this)
    this.#parts.memory.meter.begin(this.#holder.name, pid)
  }

  ready(pid: number | undefined): void {
    this.watch(pid)
    this.#moves(false)
    if (this.#grantedAtMs > 0) this.#expectation.started(performance.now() - this.#grantedAtMs)
    this.#grantedAtMs = 0
    this.#difference.loaded()
    this.#isReady = true
    const grant = this.#grant
    // Until it is in a reading, what it took is not counted as used, nor as its own.
    if (grant) void this.#parts.memory.meter.fresh().then(() => grant.ready())
  }

  /** Nothing of it lives. Resolves when its memory is back. */
  async release(): Promise<void> {
    const { memory } = this.#parts
    this.#quota.ended(memory.meter.held(this.#holder.name).seen, this.amounts)
    const grant = this.#grant
    this.#grant = undefined
    memory.changed()
    this.#hasServed = false
    this.#isReady = false
    if (grant) {
      this.#moves(true)
      await grant.release()
    }
    memory.meter.end(this.#holder.name)
    this.#moves(false)
    memory.end(this)
  }

  /** It is being stopped, for whatever reason. */
  leaving(): void {
    this.#grant?.leaving()
  }

  /** Something of it lives on, though it was to end. */
  stuck(): void {
    this.#grant?.stuck()
  }

  /** It ended because it could not have more: at its next start another one makes room. */
  ranOut(): void {
    this.#ranOut = true
  }

  /** Has somebody else stopped who holds memory where it does; false: there is nobody who may be. */
  async freeOne(): Promise<boolean> {
    const { scheduler } = this.#parts.memory
    return scheduler.freeOne(Object.keys(this.amounts), 'out-of-memory')
  }

  /** Something that others may wait for is over: called at the end of each request. */
  rested(): void {
    if (!this.isCounted) return
    this.#rhythm.rested(performance.now())
    const { scheduler } = this.#parts.memory
    if (scheduler.isAnybodyWaiting) scheduler.look()
  }

  /** The devices were read again. */
  measured(): void {
    const { memory, config } = this.#parts
    const { seen } = memory.meter.held(this.#holder.name)
    const told = { ...this.#difference.now(this.amounts), ...seen }
    this.#expectation.saw(told, this.amounts)
    if (this.#hasServed) {
      this.#grant?.shrink(this.#expectation.enough(Object.keys(told), this.amounts))
    }
    const isOver = this.#quota.isExceeded(seen, this.amounts)
    // One that still loads is let load: its request is served, and a start that always ends so would be no use.
    if (!isOver || !this.#isReady || config.onOverQuota !== 'stop') return
    this.#isReady = false // once
    this.#holder.evict('quota')
  }

  #returnCost(): number {
    const startMs = this.#expectation.startMs ?? UNSEEN_START_MS
    return startMs * (LEAST_USE + this.#uses.at(performance.now()))
  }

  #moves(isMoving: boolean): void {
    this.isMoving = isMoving
    if (isMoving) this.#parts.memory.begin(this)
    else this.#parts.memory.setPace()
  }
}

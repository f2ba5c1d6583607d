import { performance } from 'node:perf_hooks'
import { abortable } from '../abortable.js'
import type { BackendConfig } from '../config/config.js'
import type { Leaving } from '../departure.js'
import type { Amounts } from './amounts.js'
import { ANY_CARD, estimate } from './estimate.js'
import type { Grant, Holder } from './grant.js'
import type { Memory } from './memory.js'
import { modelBytes } from './model-files.js'
import { needsMemory, placementsOf } from './needs.js'
import { Quota } from './quota.js'
import { Uses } from './uses.js'

export interface BackendMemoryParts {
  readonly memory: Memory
  readonly config: BackendConfig
  /** Equal for equal commands; undefined: it is not started by us. */
  readonly commandHash: string | undefined
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
  readonly #quota: Quota
  #grant: Grant | undefined
  #grantedAtMs = 0
  #ranOut = false
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
    }
    this.#quota = new Quota(config, memory.recorder)
  }

  /** How long until it would be ready, as far as its own starts tell; undefined: it never was. */
  get startMs(): number | undefined {
    const { memory, commandHash } = this.#parts
    if (commandHash === undefined) return 0
    const { startMs } = memory.learned.of(commandHash)
    return startMs === 0 ? undefined : startMs
  }

  /** What was granted, by device. */
  get amounts(): Amounts {
    return this.#grant?.amounts ?? {}
  }

  /** Variables that limit it to the card that was chosen for it. */
  get env(): Readonly<Record<string, string>> {
    const card = this.#card
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
    const { memory, config, commandHash = '' } = this.#parts
    const { seen } = memory.meter.held(config.name)
    const { peaks } = memory.learned.of(commandHash)
    return [...new Set([...this.devices, ...Object.keys(seen)])].map((device) => ({
      device,
      declaredBytes: Number(config.memory.amounts[device]) || undefined,
      reservedBytes: this.amounts[device] ?? 0,
      seenBytes: seen[device],
      peakBytes: peaks[this.#lessonOf(device)] ?? 0,
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

  /** A request was let in. */
  used(): void {
    if (!this.isCounted) return
    this.#uses.add(performance.now())
    this.#hasServed = true
  }

  /** Resolves when it has its memory. Rejects with the signal's reason, or with a StartFailure: it can never have it. */
  async reserve(askedAtMs: number, signal: AbortSignal): Promise<void> {
    this.#grantedAtMs = performance.now()
    if (!this.isCounted) return
    const { memory, config } = this.#parts
    this.#moves(true)
    await abortable(memory.meter.fresh(), signal)
    const placements = await this.#placements()
    const ask = { holder: this.#holder, placements, priority: config.priority, askedAtMs }
    this.#grant = await memory.scheduler.reserve(ask, signal)
    this.#grantedAtMs = performance.now()
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
    const placements = await this.#placements()
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
    const { commandHash, memory } = this.#parts
    if (this.#grantedAtMs > 0 && commandHash !== undefined) {
      memory.learned.started(commandHash, performance.now() - this.#grantedAtMs)
    }
    this.#grantedAtMs = 0
    this.#grant?.ready()
  }

  /** Nothing of it lives. Resolves when its memory is back. */
  async release(): Promise<void> {
    const { memory } = this.#parts
    this.#quota.ended(memory.meter.held(this.#holder.name).seen, this.amounts)
    const grant = this.#grant
    this.#grant = undefined
    this.#hasServed = false
    if (grant) {
      this.#moves(true)
      await grant.release()
    }
    memory.meter.end(this.#holder.name)
    this.#moves(false)
    memory.end(this)
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
    const { scheduler } = this.#parts.memory
    if (this.isCounted && scheduler.isAnybodyWaiting) scheduler.look()
  }

  /** The devices were read again. */
  measured(): void {
    const { memory, commandHash, config } = this.#parts
    const { seen } = memory.meter.held(this.#holder.name)
    for (const [device, bytes] of Object.entries(seen)) {
      if (commandHash !== undefined) memory.learned.held(commandHash, this.#lessonOf(device), bytes)
    }
    if (this.#hasServed) this.#grant?.shrink(this.#learnedOf(seen))
    if (this.#quota.isExceeded(seen, this.amounts) && config.onOverQuota === 'stop') {
      this.#holder.evict('quota')
    }
  }

  /** What it is expected to hold, of the devices on which that is to be learned and was seen in this run. */
  #learnedOf(seen: Amounts): Amounts {
    const { memory, config, commandHash = '' } = this.#parts
    const { amounts, anyGpu } = config.memory
    const isLearned = (device: string) =>
      device === this.#card ? anyGpu === 'auto' : amounts[device] === 'auto'
    const lesson = memory.learned.of(commandHash)
    const facts = { weightBytes: 0, mostBytes: Number.POSITIVE_INFINITY }
    return Object.fromEntries(
      Object.keys(seen)
        .filter(isLearned)
        .map((device) => [device, estimate(lesson, this.#lessonOf(device), facts)]),
    )
  }

  /** The card that was chosen for it. */
  get #card(): string | undefined {
    const { amounts: fixed, anyGpu } = this.#parts.config.memory
    if (anyGpu === undefined) return undefined
    const cards = this.#parts.memory.devices().filter(({ isGpu }) => isGpu)
    return cards.find(({ name }) => (this.amounts[name] ?? 0) > (Number(fixed[name]) || 0))?.name
  }

  #lessonOf(device: string): string {
    return device === this.#card ? ANY_CARD : device
  }

  async #placements(): Promise<Amounts[]> {
    const { memory, config, commandHash = '' } = this.#parts
    const { launcher } = config
    const lesson = memory.learned.of(commandHash)
    const isLearned = config.memory.anyGpu === 'auto' || hasAuto(config.memory.amounts)
    const weightBytes =
      isLearned && launcher.kind === 'process' ? await modelBytes(launcher.args, launcher.cwd) : 0
    return memory.possible(
      placementsOf(config.memory, memory.devices(), (device) => {
        const isAnyCard = !Object.hasOwn(config.memory.amounts, device)
        const mostBytes = memory.mostFor(config.name, device)
        return estimate(lesson, isAnyCard ? ANY_CARD : device, { weightBytes, mostBytes })
      }),
    )
  }

  #returnCost(): number {
    const { memory, commandHash = '' } = this.#parts
    const startMs = memory.learned.of(commandHash).startMs || UNSEEN_START_MS
    return startMs * (LEAST_USE + this.#uses.at(performance.now()))
  }

  #moves(isMoving: boolean): void {
    this.isMoving = isMoving
    if (isMoving) this.#parts.memory.begin(this)
    else this.#parts.memory.setPace()
  }
}

function hasAuto(amounts: BackendConfig['memory']['amounts']): boolean {
  return Object.values(amounts).includes('auto')
}

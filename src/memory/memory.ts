import type { BackendConfig, DeviceConfig, SchedulingConfig } from '../config/config.js'
import { gpuNumber } from '../config/config.js'
import { type Amounts, isWithin, sum } from './amounts.js'
import { BackendMemory, type BackendMemoryParts } from './backend-memory.js'
import { type Clock, SYSTEM_CLOCK } from './devices/clock.js'
import { Gauge } from './devices/gauge.js'
import type { DeviceSource } from './devices/reading.js'
import { holdersText } from './explain.js'
import type { Learned } from './learned.js'
import type { DeviceStatus, MemoryWait } from './memory-status.js'
import { Meter } from './meter.js'
import { type Device, placementsOf } from './needs.js'
import type { MemoryRecorder } from './recorder.js'
import { type DeviceFacts, othersOf, roomOf, totalOf } from './room.js'
import { Scheduler } from './scheduler.js'
import { SETTLE_MS, settle } from './settle.js'

export interface MemoryConfigs {
  readonly devices: readonly DeviceConfig[]
  readonly scheduling: SchedulingConfig
  readonly backends: readonly BackendConfig[]
}

export interface MemoryParts {
  readonly sources: readonly DeviceSource[]
  readonly learned: Learned
  readonly recorder: MemoryRecorder
  readonly onWarning: (text: string) => void
  readonly onInfo: (text: string) => void
  readonly clock?: Clock
}

/** The memory of all devices, and who of the backends has it. */
export class Memory {
  readonly scheduler: Scheduler
  readonly meter: Meter
  readonly #gauge: Gauge
  readonly #parts: MemoryParts
  readonly #closing = new AbortController()
  readonly #backends = new Set<BackendMemory>()
  #changes = 0
  /** What others held by the last reading and by the one before. */
  #others: Record<'before' | 'now', ReadonlyMap<string, number>> = {
    before: new Map(),
    now: new Map(),
  }
  #config: MemoryConfigs

  constructor(config: MemoryConfigs, parts: MemoryParts) {
    const { clock = SYSTEM_CLOCK, sources, onWarning, onInfo } = parts
    this.#config = config
    this.#parts = parts
    const expectsGpu = config.devices.some(isAutoCard)
    this.#gauge = new Gauge({ sources, clock, expectsGpu, onWarning, onInfo })
    this.meter = new Meter(this.#gauge, config.devices, () => this.#measured())
    this.scheduler = new Scheduler({
      clock,
      limits: config.scheduling,
      room: () => this.#room(),
      seen: (name) => this.meter.held(name).seen,
      settled: (name) => this.#settled(name),
    })
    this.setPace()
  }

  get maxWaitMs(): number {
    return this.#config.scheduling.maxWaitMs || Number.POSITIVE_INFINITY
  }

  get learned(): Learned {
    return this.#parts.learned
  }

  get recorder(): MemoryRecorder {
    return this.#parts.recorder
  }

  /** The memory of one backend, for as long as that is in the configuration. */
  of(parts: Omit<BackendMemoryParts, 'memory'>): BackendMemory {
    return new BackendMemory({ ...parts, memory: this })
  }

  /** Grows when anybody is granted memory, or gives it back. */
  get changes(): number {
    return this.#changes
  }

  /** What is used of each card, by anybody. */
  used(): Amounts {
    const cards = this.#config.devices.flatMap(({ name }) => {
      const reading = this.meter.reading(name)
      return !reading || reading.kind === 'ram' ? [] : [[name, reading.usedBytes]]
    })
    return Object.fromEntries(cards)
  }

  /** What is in use changes from now on for another reason than before. */
  changed(): void {
    this.#changes += 1
  }

  /** Something begins or ends: the devices are read often until it is over. */
  begin(backend: BackendMemory): void {
    this.#backends.add(backend)
    this.setPace()
  }

  end(backend: BackendMemory): void {
    this.#backends.delete(backend)
    this.setPace()
  }

  /** How often the devices are read follows from what is going on. */
  setPace(): void {
    const isMoving = [...this.#backends].some((backend) => backend.isMoving)
    const isBusy = isMoving || this.scheduler.isAnybodyWaiting
    if (this.#config.devices.length === 0) this.#gauge.watch('off')
    else this.#gauge.watch(isBusy ? 'fast' : 'slow')
  }

  configure(config: MemoryConfigs): void {
    this.#config = config
    this.meter.configure(config.devices)
    this.scheduler.configure(config.scheduling)
    this.setPace()
  }

  /** The devices with what is known of them. */
  devices(): Device[] {
    return this.#config.devices.map((device) => ({
      name: device.name,
      isGpu: gpuNumber(device.name) !== undefined,
      totalBytes: totalOf(this.#facts(device)),
    }))
  }

  /** Those placements that could ever be granted. */
  possible(placements: readonly Amounts[]): Amounts[] {
    const most = this.most()
    return placements.filter((amounts) => isWithin(amounts, most))
  }

  /**
   * The most that a backend could have of a device if all others that may be stopped were: ever, and now, beside what
   * other programs hold. Undefined: no limit is known.
   */
  mostFor(name: string, device: string): { everBytes: number; nowBytes: number } | undefined {
    const [most, room] = [this.most()[device], this.#room()[device]]
    if (most === undefined || room === undefined) return undefined
    const kept = this.#config.backends.filter((one) => one.keepLoaded && one.name !== name)
    const declared = kept.map(({ memory }) => this.#namedNeeds(memory))
    const bytesOf = (all: readonly Amounts[]) =>
      all.reduce((total, amounts) => total + (amounts[device] ?? 0), 0)
    const reserved = this.scheduler.reserved()
    const running = kept.map((one, i) => reserved.get(one.name)?.amounts ?? declared[i] ?? {})
    return { everBytes: most - bytesOf(declared), nowBytes: room - bytesOf(running) }
  }

  /** Who besides this backend holds what of these devices, in words for a client. */
  explain(devices: readonly string[], besides: string): string {
    const others = this.statuses().map(({ name, othersBytes }) => [name, othersBytes ?? 0])
    const tenants = this.scheduler.tenants().filter(({ name }) => name !== besides)
    return holdersText(devices, { tenants, others: Object.fromEntries(others) })
  }

  /** The devices with what is known of their memory, for people and for metrics. */
  statuses(): DeviceStatus[] {
    const reservations = [...this.scheduler.reserved().values()]
    const reserved = sum([...reservations.map(({ amounts }) => amounts), this.#outside()])
    return this.#config.devices.map((device) => {
      const facts = this.#facts(device)
      const { reading } = facts
      return {
        name: device.name,
        model: this.meter.reading(device.name)?.name,
        totalBytes: totalOf(facts),
        usedBytes: reading?.usedBytes,
        reservedBytes: reserved[device.name] ?? 0,
        othersBytes: reading && othersOf(facts),
        keepFreeBytes: device.keepFreeBytes,
      }
    })
  }

  /** Those who wait, in the order in which they are to have memory. */
  waiting(): MemoryWait[] {
    const now = (this.#parts.clock ?? SYSTEM_CLOCK).now()
    return this.scheduler.waiting().map((ask) => {
      const planned = this.scheduler.foresee(ask)
      return {
        backend: ask.holder.name,
        waitedMs: Math.max(0, Math.round(now - ask.askedAtMs)),
        priority: ask.priority,
        needs: ask.placements,
        behind: 'names' in planned ? planned.names : [],
      }
    })
  }

  /** Nobody waits for a driver any more; resolves when what was learned is written down. */
  async close(): Promise<void> {
    this.scheduler.close()
    this.#closing.abort()
    this.#gauge.close()
    await this.#parts.learned.close()
  }

  /** What is used, and by whom, are two answers of a driver: one that loads between them makes others look smaller. */
  #othersBefore(device: string): number {
    const isLoading = [...this.scheduler.reserved().values()].some(({ hasLoaded }) => !hasLoaded)
    return isLoading ? (this.#others.before.get(device) ?? 0) : 0
  }

  #measured(): void {
    const now = new Map(
      this.#config.devices.map((device) => [device.name, othersOf(this.#facts(device))]),
    )
    this.#others = { before: this.#others.now, now }
    for (const backend of this.#backends) backend.measured()
    if (this.scheduler.isAnybodyWaiting) this.scheduler.look()
  }

  async #settled(name: string): Promise<void> {
    const devices = Object.keys(this.scheduler.reserved().get(name)?.amounts ?? {})
    const usedBesides = (device: string) => {
      const used = this.meter.reading(device)?.usedBytes ?? 0
      return used - this.#countedOn(device, name)
    }
    const ask = { devices, usedBesides, signal: this.#closing.signal }
    if (await settle(this.meter, name, ask)) return
    this.#parts.recorder.slowToReturn({ backend: name, afterMs: SETTLE_MS })
  }

  /**
   * How much of what the driver calls used is of those who have a reservation there. Where it does not tell of one
   * that has loaded, that one holds what it was given.
   */
  #countedOn(device: string, besides?: string): number {
    let total = 0
    for (const [name, { amounts, hasLoaded }] of this.scheduler.reserved()) {
      const reserved = amounts[device] ?? 0
      if (reserved === 0 || name === besides) continue
      total += this.meter.held(name).counted[device] ?? (hasLoaded ? reserved : 0)
    }
    return total
  }

  /** What all backends together could have at best: with no other program on the devices. */
  most(): Amounts {
    const outside = this.#outside()
    const known = this.#config.devices.flatMap((device) => {
      const total = totalOf(this.#facts(device))
      const most = (total ?? 0) - device.keepFreeBytes - (outside[device.name] ?? 0)
      return total === undefined ? [] : [[device.name, most] as const]
    })
    return Object.fromEntries(known)
  }

  #room(): Amounts {
    const outside = this.#outside()
    const room: Record<string, number> = {}
    for (const device of this.#config.devices) {
      const bytes = roomOf(this.#facts(device), this.#othersBefore(device.name))
      if (bytes !== undefined) room[device.name] = bytes - (outside[device.name] ?? 0)
    }
    return room
  }

  #facts({ name, memoryBytes, keepFreeBytes }: DeviceConfig): DeviceFacts {
    return {
      memoryBytes: memoryBytes === 'auto' ? (this.meter.totalBytes(name) ?? 'auto') : memoryBytes,
      keepFreeBytes,
      reading: this.meter.reading(name),
      heldBytes: this.#countedOn(name),
      outsideBytes: this.#outside()[name] ?? 0,
    }
  }

  /** What is set aside for backends that somebody else runs. */
  #outside(): Amounts {
    const external = this.#config.backends.filter(({ launcher }) => launcher.kind === 'external')
    return sum(external.map(({ memory }) => this.#namedNeeds(memory)))
  }

  /** What somebody needs of devices by name: of any card, nobody knows beforehand on which. */
  #namedNeeds(memory: BackendConfig['memory']): Amounts {
    const devices = this.#config.devices.map(({ name, memoryBytes }) => ({
      name,
      isGpu: false,
      totalBytes: memoryBytes === 'auto' ? this.meter.totalBytes(name) : memoryBytes,
    }))
    return placementsOf({ ...memory, anyGpu: undefined }, devices, () => 0)[0] ?? {}
  }
}

function isAutoCard({ name, memoryBytes }: DeviceConfig): boolean {
  return memoryBytes === 'auto' && name !== 'ram'
}

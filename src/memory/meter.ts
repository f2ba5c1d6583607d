import type { DeviceConfig } from '../config/config.js'
import type { Gauge } from './devices/gauge.js'
import type { DeviceReading } from './devices/reading.js'
import { matchDevices } from './match-devices.js'
import { treesOf } from './process-tree.js'
import { type Resident, residentBytes } from './resident.js'
import { type Held, NOTHING_HELD, usageOf } from './usage.js'

/** Called after each measuring. */
export type MeasuredListener = () => void

/** What the devices say, and who of ours holds how much of them. */
export class Meter {
  readonly #gauge: Gauge
  readonly #onMeasured: MeasuredListener
  #devices: readonly DeviceConfig[]
  #readings: ReadonlyMap<string, DeviceReading> = new Map()
  readonly #totals = new Map<string, number>()
  #held: ReadonlyMap<string, Held> = new Map()
  readonly #roots = new Map<string, number>()
  #measuring: Promise<void> = Promise.resolve()

  constructor(gauge: Gauge, devices: readonly DeviceConfig[], onMeasured: MeasuredListener) {
    this.#gauge = gauge
    this.#devices = devices
    this.#onMeasured = onMeasured
    gauge.onReading((readings) => {
      const measured = this.#measuring.then(() => this.#measure(readings))
      this.#measuring = measured.catch(() => {}) // the next one may do better
    })
  }

  configure(devices: readonly DeviceConfig[]): void {
    const isSame = (name: string) => {
      const [before, now] = [this.#devices, devices].map((all) =>
        all.find((one) => one.name === name),
      )
      return before?.id === now?.id
    }
    for (const name of this.#totals.keys()) if (!isSame(name)) this.#totals.delete(name)
    this.#devices = devices
  }

  /** Counts the process with this id, and all that it starts, as this backend from now on. */
  begin(backend: string, pid: number): void {
    this.#roots.set(backend, pid)
  }

  end(backend: string): void {
    this.#roots.delete(backend)
    this.#held = new Map([...this.#held].filter(([name]) => name !== backend))
  }

  held(backend: string): Held {
    return this.#held.get(backend) ?? NOTHING_HELD
  }

  /** What the driver said last; undefined where it does not. */
  reading(device: string): DeviceReading | undefined {
    return this.#readings.get(device)
  }

  /** What the driver said at last that a device has in all, also while it says nothing; undefined: it never did. */
  totalBytes(device: string): number | undefined {
    return this.#totals.get(device)
  }

  /** Resolves when it has measured anew; bounded, and then with what was known before. */
  async fresh(): Promise<void> {
    await this.#gauge.fresh()
    await this.#measuring
  }

  async #measure(all: readonly DeviceReading[]): Promise<void> {
    const readings = matchDevices(this.#devices, all)
    const hasRam = [...readings.values()].some(({ kind }) => kind === 'ram')
    const tellsAny = hasRam || [...readings.values()].some(({ byPid }) => byPid)
    const pids = tellsAny ? await this.#pids() : new Map() // it takes half a second on Windows
    const resident = hasRam
      ? await residentBytes([...pids.values()].flat()).catch(() => NONE)
      : NONE
    this.#readings = readings
    for (const [name, { totalBytes }] of readings) this.#totals.set(name, totalBytes)
    const usage = usageOf({ readings, pids, resident })
    this.#held = new Map([...usage].filter(([backend]) => this.#roots.has(backend)))
    this.#onMeasured()
  }

  /** Where the system does not tell of processes, nothing is known of what each holds. */
  async #pids(): Promise<Map<string, readonly number[]>> {
    const roots = new Map(this.#roots)
    const trees = await treesOf([...roots.values()]).catch(() => new Map<number, number[]>())
    return new Map([...roots].map(([backend, pid]) => [backend, trees.get(pid) ?? [pid]]))
  }
}

const NONE: ReadonlyMap<number, Resident> = new Map()

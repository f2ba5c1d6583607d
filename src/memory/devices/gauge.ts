import { type Clock, SYSTEM_CLOCK } from './clock.js'
import { Feed } from './feed.js'
import type { DeviceReading, DeviceSource } from './reading.js'

/** How often the devices are read by themselves. */
export type Pace = 'fast' | 'slow' | 'off'

export interface GaugeOptions {
  readonly sources: readonly DeviceSource[]
  /** The configuration names a card whose memory is to be asked for: then it is worth a warning that none tells. */
  readonly expectsGpu?: boolean
  readonly clock?: Clock
  readonly onWarning: (text: string) => void
  readonly onInfo?: (text: string) => void
}

/** Must not throw. */
export type ReadingListener = (readings: readonly DeviceReading[]) => void

const EVERY_MS = { fast: 500, slow: 10_000 } as const
/** Nobody waits longer for a reading: what a source tells later counts from then on. */
const PATIENCE_MS = 2_000

/**
 * The one that asks the devices, for all who want to know. A source that fails or hangs keeps none of the others
 * from being read; its devices are left out until it tells again.
 */
export class Gauge {
  readonly #feeds: readonly Feed[]
  readonly #options: GaugeOptions
  readonly #clock: Clock
  readonly #listeners = new Set<ReadingListener>()
  #pace: Pace = 'off'
  #callOff = () => {}
  #current: Promise<void> | undefined
  #upcoming: Promise<void> | undefined
  #lastRoundMs = Number.NEGATIVE_INFINITY
  #hasMissedCard = false
  #isClosed = false

  constructor(options: GaugeOptions) {
    this.#options = options
    this.#clock = options.clock ?? SYSTEM_CLOCK
    const { onWarning, onInfo = () => {} } = options
    const facts = { clock: this.#clock, onWarning, onInfo }
    this.#feeds = options.sources.map((source) => new Feed(source, facts))
  }

  /** What was read last, at once; undefined before anything was. */
  latest(): readonly DeviceReading[] | undefined {
    return this.#feeds.some(({ readings }) => readings) ? this.#known() : undefined
  }

  /**
   * Readings that were begun after this call, shared with all who ask meanwhile. Never rejects. After two seconds it
   * is what is known by then: older, or without the devices of a source that is late.
   */
  async fresh(): Promise<readonly DeviceReading[]> {
    if (!this.#isClosed) await this.#bounded(this.#nextRound())
    return this.#known()
  }

  /** Sets how often it reads by itself. */
  watch(pace: Pace): void {
    if (pace === this.#pace) return
    this.#pace = pace
    this.#plan()
  }

  /** Calls the listener with what is known after each round of reading; returns what ends that. */
  onReading(listener: ReadingListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Ends what it began, and reads no more; `latest` stays as it is. */
  close(): void {
    this.#isClosed = true
    this.#callOff()
    for (const feed of this.#feeds) feed.close()
  }

  #known(): readonly DeviceReading[] {
    return this.#feeds.flatMap(({ readings }) => readings ?? [])
  }

  #plan(): void {
    this.#callOff()
    if (this.#pace === 'off' || this.#isClosed) return
    const due = this.#lastRoundMs + EVERY_MS[this.#pace]
    this.#callOff = this.#clock.after(Math.max(0, due - this.#clock.now()), () => {
      if (!this.#current) void this.#nextRound() // else its end plans the next
    })
  }

  /** The one round that has not begun: it begins when the one under way is over, and never in the same tick. */
  #nextRound(): Promise<void> {
    this.#upcoming ??= (this.#current ?? Promise.resolve()).then(() => {
      this.#upcoming = undefined
      if (this.#isClosed) return
      this.#current = this.#round()
      return this.#current
    })
    return this.#upcoming
  }

  async #round(): Promise<void> {
    await this.#bounded(Promise.all(this.#feeds.map((feed) => feed.refresh())))
    this.#current = undefined
    this.#lastRoundMs = this.#clock.now()
    if (this.#isClosed) return
    this.#lookForCards()
    const readings = this.#known()
    for (const listener of this.#listeners) listener(readings)
    this.#plan()
  }

  /** A machine without cards is none to warn of, unless somebody counts on one. */
  #lookForCards(): void {
    if (!this.#options.expectsGpu || !this.#feeds.every((feed) => feed.hasAnswered)) return
    const isThere = this.#known().some(({ kind }) => kind !== 'ram')
    const isSaid = this.#feeds.some((feed) => feed.isFailing)
    if (isThere) this.#hasMissedCard = false
    if (isThere || isSaid || this.#hasMissedCard) return
    this.#hasMissedCard = true
    this.#options.onWarning(
      'No graphics card tells its memory here, though routes.json asks for it with "auto". Until one does, the numbers in routes.json count.',
    )
  }

  async #bounded(work: Promise<unknown>): Promise<void> {
    let callOff = () => {}
    const over = new Promise<void>((resolve) => {
      callOff = this.#clock.after(PATIENCE_MS, resolve)
    })
    await Promise.race([work, over]).finally(callOff)
  }
}

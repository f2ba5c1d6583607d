import { pause } from '../abortable.js'
import type { DeviceReading } from './devices/reading.js'
import type { Meter } from './meter.js'

/** Drivers give memory back within a second or two of a process's end; what takes longer is held by another. */
export const SETTLE_MS = 10_000
const LOOK_EVERY_MS = 150
/** What may stay away: another program took it, or the driver rounds. */
const NOISE = 0.25

export interface SettleAsk {
  readonly devices: readonly string[]
  /** What is used of a device, less what is known to be of our other backends. */
  usedBesides(device: string): number
  /** Aborts when nobody needs to know any more. */
  readonly signal: AbortSignal
}

/** What there was on a card when one ended. */
interface Gone {
  readonly device: string
  /** What it held; undefined: the driver does not tell. */
  readonly heldBytes: number | undefined
  /** What is used besides all that is known to be of ours, when it has gone. */
  readonly restBytes: number
}

/**
 * Resolves with true once the cards show the memory of a backend that has ended as free; with false if they did not
 * in time. What it held is forgotten.
 */
export async function settle(meter: Meter, backend: string, ask: SettleAsk): Promise<boolean> {
  const { usedBesides, signal } = ask
  const cards = ask.devices.filter((device) => isCard(meter.reading(device)))
  const gone = cards.map((device): Gone => {
    const heldBytes = meter.held(backend).counted[device]
    return { device, heldBytes, restBytes: usedBesides(device) - (heldBytes ?? 0) }
  })
  meter.end(backend)
  const until = performance.now() + SETTLE_MS
  const falls = cards.map(() => new Fall())
  while (cards.length > 0 && !signal.aborted && performance.now() < until) {
    await meter.fresh()
    const now = cards.map(usedBesides)
    falls.forEach((fall, i) => {
      fall.see(now[i] ?? 0)
    })
    if (gone.every((one, i) => isBack(one, now[i] ?? 0, falls[i]))) return true
    await pause(LOOK_EVERY_MS, signal).catch(() => {}) // aborted: the loop ends
  }
  return cards.length === 0 || signal.aborted
}

function isCard(reading: DeviceReading | undefined): boolean {
  return reading !== undefined && reading.kind !== 'ram'
}

/** Where the driver does not tell who held what, the memory is back when no more has come back for a while. */
function isBack({ heldBytes, restBytes }: Gone, now: number, fall: Fall | undefined): boolean {
  return heldBytes === undefined ? fall?.isOver === true : now <= restBytes + NOISE * heldBytes
}

const STILL_LOOKS = 4

/** What is used of a card, while it may go on to become less. */
class Fall {
  #least = Number.POSITIVE_INFINITY
  #looks = 0

  see(used: number): void {
    this.#looks = used < this.#least ? 0 : this.#looks + 1
    this.#least = Math.min(used, this.#least)
  }

  get isOver(): boolean {
    return this.#looks >= STILL_LOOKS
  }
}

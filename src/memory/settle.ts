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
  let last = gone.map(() => Number.POSITIVE_INFINITY)
  while (cards.length > 0 && !signal.aborted && performance.now() < until) {
    await meter.fresh()
    const now = cards.map(usedBesides)
    if (gone.every((one, i) => isBack(one, now[i] ?? 0, last[i] ?? 0))) return true
    last = now
    await pause(LOOK_EVERY_MS, signal).catch(() => {}) // aborted: the loop ends
  }
  return cards.length === 0 || signal.aborted
}

function isCard(reading: DeviceReading | undefined): boolean {
  return reading !== undefined && reading.kind !== 'ram'
}

/** Where the driver does not tell who held what, the memory is back when no more comes back. */
function isBack({ heldBytes, restBytes }: Gone, now: number, last: number): boolean {
  return heldBytes === undefined ? now >= last : now <= restBytes + NOISE * heldBytes
}

import type { Amounts } from './amounts.js'
import type { DeviceReading } from './devices/reading.js'
import type { Resident } from './resident.js'

/** What one backend holds. */
export interface Held {
  /** All that its processes hold, by device; a device that does not tell by process is not in it. */
  readonly seen: Amounts
  /** As much of that as the device's reading calls used. */
  readonly counted: Amounts
}

export const NOTHING_HELD: Held = { seen: {}, counted: {} }

export interface UsageFacts {
  /** By the name of the device. */
  readonly readings: ReadonlyMap<string, DeviceReading>
  /** Which processes belong to each backend. */
  readonly pids: ReadonlyMap<string, readonly number[]>
  readonly resident: ReadonlyMap<number, Resident>
}

/** Who holds what, by backend: pure. */
export function usageOf({ readings, pids, resident }: UsageFacts): Map<string, Held> {
  return new Map(
    [...pids].map(([backend, own]) => {
      const seen: Record<string, number> = {}
      const counted: Record<string, number> = {}
      for (const [device, reading] of readings) {
        const bytes = bytesOf(reading, own, resident)
        if (bytes) [seen[device], counted[device]] = bytes
      }
      return [backend, { seen: withoutMapped(seen, counted, readings), counted }]
    }),
  )
}

/** A model on a card leaves its file mapped: the system takes that memory back whenever it likes. */
function withoutMapped(seen: Amounts, counted: Amounts, readings: UsageFacts['readings']): Amounts {
  const isRam = (device: string) => readings.get(device)?.kind === 'ram'
  const isOnCard = Object.keys(counted).some(
    (device) => !isRam(device) && (counted[device] ?? 0) > 0,
  )
  if (!isOnCard) return seen
  return Object.fromEntries(
    Object.entries(seen).map(([device, bytes]) => [
      device,
      isRam(device) ? (counted[device] ?? 0) : bytes,
    ]),
  )
}

function bytesOf(
  { kind, byPid }: DeviceReading,
  pids: readonly number[],
  resident: ReadonlyMap<number, Resident>,
): [seen: number, counted: number] | undefined {
  if (kind === 'ram') {
    const own = pids.flatMap((pid) => resident.get(pid) ?? [])
    const total = (of: (one: Resident) => number) => own.reduce((sum, one) => sum + of(one), 0)
    return [total(({ bytes }) => bytes), total(({ heldBytes }) => heldBytes)]
  }
  // Some hold memory of which the driver does not tell: drawing programs, and all in a container of their own.
  if (!byPid || !pids.some((pid) => byPid.has(pid))) return undefined
  const bytes = pids.reduce((sum, pid) => sum + (byPid.get(pid) ?? 0), 0)
  return [bytes, bytes]
}

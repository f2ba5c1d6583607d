/** Bytes by device. A device that is not in it has none. */
export type Amounts = Readonly<Record<string, number>>

export function sum(all: readonly Amounts[]): Record<string, number> {
  const total: Record<string, number> = {}
  for (const amounts of all) {
    for (const [device, bytes] of Object.entries(amounts)) {
      total[device] = (total[device] ?? 0) + bytes
    }
  }
  return total
}

/** By device the larger of the two. */
export function most(a: Amounts, b: Amounts): Amounts {
  const devices = new Set([...Object.keys(a), ...Object.keys(b)])
  return Object.fromEntries(
    [...devices].map((device) => [device, Math.max(a[device] ?? 0, b[device] ?? 0)]),
  )
}

/** What is in `a`, by device no more than in `b`, where that has it. */
export function least(a: Amounts, b: Amounts): Amounts {
  return Object.fromEntries(
    Object.entries(a).map(([device, bytes]) => [device, Math.min(bytes, b[device] ?? bytes)]),
  )
}

/** What `wanted` has beyond `given`, by device; empty when nothing is short. Who wants nothing lacks nothing. */
export function shortage(wanted: Amounts, given: Amounts): Record<string, number> {
  const short = Object.entries(wanted)
    .filter(([, bytes]) => bytes > 0)
    .map(([device, bytes]) => [device, bytes - (given[device] ?? 0)] as const)
  return Object.fromEntries(short.filter(([, bytes]) => bytes > 0))
}

/** Only what is of devices that have a limit. */
export function known(amounts: Amounts, limits: Amounts): Amounts {
  return Object.fromEntries(
    Object.entries(amounts).filter(([device]) => Object.hasOwn(limits, device)),
  )
}

/** Whether these are no more than the limits, where there are any. */
export function isWithin(amounts: Amounts, limits: Amounts): boolean {
  return isEmpty(shortage(known(amounts, limits), limits))
}

export function isEmpty(amounts: Amounts): boolean {
  return Object.values(amounts).every((bytes) => bytes <= 0)
}

/** Whether both have some of one device. */
export function sharesDevice(a: Amounts, b: Amounts): boolean {
  return Object.entries(a).some(([device, bytes]) => bytes > 0 && (b[device] ?? 0) > 0)
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** For people, and as routes.json takes it: `5.5GiB`. Rounded to three digits. */
export function sizeText(bytes: number): string {
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length - 1)
  const amount = bytes / 1024 ** power
  const digits = amount >= 100 || power === 0 ? 0 : amount >= 10 ? 1 : 2
  return `${Number(amount.toFixed(digits))}${UNITS[power]}`
}

/** One device, and all that is known of it. */
export interface DeviceFacts {
  /** What routes.json says it has; `auto`: what the driver says. */
  readonly memoryBytes: number | 'auto'
  readonly keepFreeBytes: number
  /** What the driver says; undefined: it does not. */
  readonly reading: { readonly totalBytes: number; readonly usedBytes: number } | undefined
  /** What our backends hold of what the driver counts as used, by their processes. */
  readonly heldBytes: number
  /** What is reserved for programs that somebody else runs: the driver counts those as others. */
  readonly outsideBytes: number
}

/** What the device has in all, as far as is known. */
export function totalOf({ memoryBytes, reading }: DeviceFacts): number | undefined {
  return memoryBytes === 'auto' ? reading?.totalBytes : memoryBytes
}

/** What other programs hold beyond what is reserved for those we know of; 0 where nobody tells. */
export function othersOf({ reading, heldBytes, outsideBytes }: DeviceFacts): number {
  return Math.max(0, (reading?.usedBytes ?? 0) - heldBytes - outsideBytes)
}

/**
 * What all backends together may have. What is kept free is there for other programs: it counts once, as what they
 * have or as what they may have. `othersBefore`: what others were seen to hold before, where that may be truer.
 * Undefined: no limit is known.
 */
export function roomOf(facts: DeviceFacts, othersBefore = 0): number | undefined {
  const total = totalOf(facts)
  if (total === undefined) return undefined
  const declared = total - facts.keepFreeBytes
  const { reading } = facts
  const othersBytes = Math.max(othersOf(facts), othersBefore)
  return reading ? Math.min(declared, reading.totalBytes - othersBytes) : declared
}

import type { Amounts } from './amounts.js'

/** One device now: bytes, undefined where nobody tells. */
export interface DeviceStatus {
  readonly name: string
  /** What its driver calls it; undefined: it does not tell of it. */
  readonly model: string | undefined
  readonly totalBytes: number | undefined
  readonly usedBytes: number | undefined
  readonly reservedBytes: number
  /** What other programs hold. */
  readonly othersBytes: number | undefined
  readonly keepFreeBytes: number
}

/** One backend that waits for memory. */
export interface MemoryWait {
  readonly backend: string
  readonly waitedMs: number
  readonly priority: number
  /** What would do for it: bytes by device. */
  readonly needs: readonly Amounts[]
  /** Who must come to rest or end before it can have that. */
  readonly behind: readonly string[]
}

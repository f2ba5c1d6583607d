import type { Amount, MemoryConfig } from '../config/config.js'
import type { Amounts } from './amounts.js'

/** A device as the needs of backends see it. */
export interface Device {
  readonly name: string
  readonly isGpu: boolean
  /** All of it; undefined: nobody tells. */
  readonly totalBytes: number | undefined
}

/**
 * What would do for a backend, the best first. `learned` says what stands for `auto` on a device; a share of a device
 * of unknown size counts for nothing.
 */
export function placementsOf(
  { amounts, anyGpu, shares }: MemoryConfig,
  devices: readonly Device[],
  learned: (device: string) => number,
): Amounts[] {
  const bytesOf = (amount: Amount, device: string) => (amount === 'auto' ? learned(device) : amount)
  const given = Object.entries(amounts).map(([device, amount]) => [device, bytesOf(amount, device)])
  const parts = Object.entries(shares).map(([device, part]) => {
    const total = devices.find(({ name }) => name === device)?.totalBytes ?? 0
    return [device, Math.floor(part * total)]
  })
  const fixed: Amounts = Object.fromEntries([...given, ...parts])
  if (anyGpu === undefined) return [fixed]
  return devices
    .filter(({ isGpu }) => isGpu)
    .map(({ name }) => ({ ...fixed, [name]: (fixed[name] ?? 0) + bytesOf(anyGpu, name) }))
}

/** Whether it needs memory of any device that is counted. */
export function needsMemory({ amounts, anyGpu, shares }: MemoryConfig): boolean {
  return anyGpu !== undefined || Object.keys(amounts).length + Object.keys(shares).length > 0
}

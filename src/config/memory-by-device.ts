import type { BackendSettings } from './backend-schema.js'
import { ANY_GPU, gpuNumber } from './config.js'

/** What `memory` of a backend says, by device: `auto` alone means any card, or the main memory where there is none. */
export function memoryByDevice(
  memory: BackendSettings['memory'],
  devices: readonly string[],
): Record<string, string | number> {
  if (memory !== 'auto') return memory
  const hasCard = devices.some((name) => gpuNumber(name) !== undefined)
  return { [hasCard ? ANY_GPU : 'ram']: 'auto' }
}

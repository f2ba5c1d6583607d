import type { BackendStatus } from '../backends/backend.js'
import type { Pool } from '../backends/pool.js'
import type { BackendConfig } from '../config/config.js'
import type { Memory } from '../memory/memory.js'
import type { DeviceStatus, MemoryWait } from '../memory/memory-status.js'

/** What `/gatehouse/api/status` answers: sizes in bytes, times in milliseconds; what nobody knows is left out. */
export interface Status {
  readonly version: string
  readonly devices: readonly DeviceStatus[]
  readonly backends: readonly (Omit<BackendStatus, 'pid'> & Partial<Serving>)[]
  /** Backends that wait for memory, in the order in which they are to have it. */
  readonly waitingForMemory: readonly (MemoryWait & { readonly etaMs?: number | undefined })[]
}

type Serving = Pick<BackendConfig, 'serves' | 'dialect'>

export interface StatusParts {
  readonly pool: Pool
  readonly memory: Memory
  /** The gateway's own. */
  readonly version: string
}

export function statusOf({ pool, memory, version }: StatusParts): Status {
  const backends = pool.statuses().map(({ pid: _pid, ...status }) => {
    const config = pool.get(status.name)?.config
    return { ...(config && { serves: config.serves, dialect: config.dialect }), ...status }
  })
  const waitingForMemory = withEtas(memory.waiting(), backends)
  return { version, devices: memory.statuses(), backends, waitingForMemory }
}

type Times = Pick<BackendStatus, 'name' | 'waitMs' | 'serviceMs'>

/** Until each is ready: those before it are, those in its way have answered what they have, and it has started. */
export function withEtas(waiting: readonly MemoryWait[], backends: readonly Times[]) {
  const timesOf = (name: string) => backends.find((backend) => backend.name === name)
  let before: number | undefined = 0
  return waiting.map((wait) => {
    const restMs = Math.max(0, ...wait.behind.map((name) => timesOf(name)?.serviceMs ?? Number.NaN))
    const startMs = timesOf(wait.backend)?.waitMs
    if (before !== undefined) before += restMs + (startMs ?? Number.NaN)
    if (Number.isNaN(before)) before = undefined // nobody knows, nor for those behind it
    return { ...wait, ...(before !== undefined && { etaMs: Math.round(before) }) }
  })
}

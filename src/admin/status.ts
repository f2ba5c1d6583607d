import type { BackendStatus } from '../backends/backend.js'
import type { Pool } from '../backends/pool.js'
import type { BackendConfig } from '../config/config.js'
import type { DeviceStatus, Memory, MemoryWait } from '../memory/memory.js'

/** What `/gatehouse/api/status` answers: sizes in bytes, times in milliseconds; what nobody knows is left out. */
export interface Status {
  readonly version: string
  readonly devices: readonly DeviceStatus[]
  readonly backends: readonly (Omit<BackendStatus, 'pid'> & Partial<Serving>)[]
  /** Backends that wait for memory, in the order in which they are to have it. */
  readonly waitingForMemory: readonly MemoryWait[]
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
  return { version, devices: memory.statuses(), backends, waitingForMemory: memory.waiting() }
}

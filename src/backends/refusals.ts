import { GatehouseError } from '../errors.js'
import { StartFailure } from '../launchers/launcher.js'
import type { BackendMemory } from '../memory/backend-memory.js'

/** What is said of a backend that is not ready: who it is, and who holds the memory that it needs. */
export interface Refused {
  readonly name: string
  readonly memory: Pick<BackendMemory, 'isCounted' | 'holdersText'>
}

/** Who holds memory is done sooner or later, and that is all that is known of it. */
const RETRY_AFTER_S = 10

/** It failed, and is not tried again yet. */
export function backingOff({ name }: Refused, ms: number, reason: string): GatehouseError {
  const seconds = Math.ceil(ms / 1000)
  return new GatehouseError('GATEHOUSE_BACKING_OFF', {
    values: { backend: name, seconds, reason },
    retryAfterSeconds: seconds,
  })
}

/** One has waited for its memory for too long. */
export function noMemory({ name, memory }: Refused): GatehouseError {
  const values = { backend: name, holders: memory.holdersText() }
  return new GatehouseError('GATEHOUSE_NO_MEMORY', { values, retryAfterSeconds: RETRY_AFTER_S })
}

export function wasStopped({ name: backend }: Refused, reason: string): GatehouseError {
  const values = { backend, reason: `it was stopped (${reason})` }
  return new GatehouseError('GATEHOUSE_START_FAILED', { values })
}

/** Its start came to nothing. */
export function startFailed({ name: backend, memory }: Refused, cause: unknown): GatehouseError {
  if (memory.isCounted && cause instanceof StartFailure && cause.isOutOfMemory) {
    const values = { backend, holders: memory.holdersText() }
    return new GatehouseError('GATEHOUSE_OUT_OF_MEMORY', { values, cause })
  }
  const values = { backend, reason: reasonOf(cause) }
  return new GatehouseError('GATEHOUSE_START_FAILED', { values, cause })
}

/** Why a start came to nothing, in words for the client. */
export function reasonOf(error: unknown): string {
  return error instanceof StartFailure ? error.message : 'an internal error'
}

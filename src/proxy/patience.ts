import type { BackendConfig, Workload } from '../config/config.js'
import { GatehouseError } from '../errors.js'
import { jsonIsTrue } from '../routing/json-member.js'
import type { Match } from '../routing/match.js'
import type { Caller } from '../routing/row.js'
import type { Exchange } from './exchange.js'
import { BACKEND_HEADER, QUEUE_HEADER } from './reply-head.js'
import { streamFormat } from './stream-format.js'
import { type Waiting, type WaitingParts, waitForEvents, waitForJson } from './waiting.js'

/** How the gateway speaks for itself; the assembler knows. */
export interface Voice {
  /** An error as the caller's API answers it whole, in JSON. */
  errorBody(error: GatehouseError, caller: Caller): string
  /** The lines that every answer of the gateway's own has. */
  readonly headers: Readonly<Record<string, string>>
}

/** Nothing may come before a sound. */
const SOUNDS: ReadonlySet<Workload | undefined> = new Set<Workload | undefined>(['speech', 'music'])

/** How this client is shown, while it waits, that its request lives; undefined: it cannot be. */
export function waitingOf(
  { request, body, queue }: Exchange,
  match: Match,
  { backend, voice }: { backend: BackendConfig; voice: Voice },
): Waiting | undefined {
  const { caller, row } = match
  if (backend.heartbeat === 'off' || SOUNDS.has(row.to.workload)) return undefined
  const values = { backend: backend.name }
  const parts: WaitingParts = {
    headers: {
      ...voice.headers,
      'x-request-id': request.id,
      ...(queue !== undefined && { [QUEUE_HEADER]: queue }),
      [BACKEND_HEADER]: backend.name,
    },
    errorBody: (error) => voice.errorBody(error, caller),
    upstreamError: new GatehouseError('GATEHOUSE_UPSTREAM_BROKEN', { values }),
  }
  if (wantsEvents(request.headers.accept, row.id, body)) {
    return waitForEvents(parts, streamFormat(row.id))
  }
  // A body that was not read may ask for a stream.
  const wantsJson = body !== undefined && request.method !== 'GET' && isAnsweredInJson(match)
  return backend.heartbeat === 'json' && wantsJson ? waitForJson(parts) : undefined
}

/** Of a path that nobody knows, nobody knows what it answers; Ollama streams unless it is told not to. */
function isAnsweredInJson({ caller, row }: Match): boolean {
  return !row.fallback && caller !== 'ollama'
}

/** Ollama streams lines of JSON, between which nothing may stand. */
function wantsEvents(accept: string | undefined, rowId: string, body: Buffer | undefined): boolean {
  if (accept?.startsWith('text/event-stream') || rowId === 'generate-stream') return true
  const streams = streamFormat(rowId) !== undefined && !rowId.startsWith('ollama-')
  return streams && body !== undefined && jsonIsTrue(body, 'stream')
}

import type { BackendConfig, Workload } from '../config/config.js'
import { GatehouseError } from '../errors.js'
import { jsonIsTrue } from '../routing/json-member.js'
import type { Match } from '../routing/match.js'
import type { Caller } from '../routing/row.js'
import type { Exchange } from './exchange.js'
import { streamFormat } from './stream-format.js'
import { type Waiting, type WaitingParts, waitForEvents, waitForJson } from './waiting.js'

/** How the gateway speaks for itself; the assembler knows. */
export interface Voice {
  /** An error as the caller's API answers it whole, in JSON. */
  errorBody(error: GatehouseError, caller: Caller): string
  /** The lines that every answer of the gateway's own has. */
  readonly headers: Readonly<Record<string, string>>
}

/** Speech and music are sounds: no white space may come before them. */
const ANSWERED_IN_JSON = new Set<Workload | undefined>([
  'text',
  'image',
  'transcribe',
  'embeddings',
])

/** How this client is shown, while it waits, that its request lives; undefined: it cannot be. */
export function waitingOf(
  { request, body }: Exchange,
  match: Match,
  { backend, voice }: { backend: BackendConfig; voice: Voice },
): Waiting | undefined {
  if (backend.heartbeat === 'off') return undefined
  const { caller, row } = match
  const values = { backend: backend.name }
  const parts: WaitingParts = {
    headers: { ...voice.headers, 'x-request-id': request.id },
    errorBody: (error) => voice.errorBody(error, caller),
    upstreamError: new GatehouseError('GATEHOUSE_UPSTREAM_BROKEN', { values }),
  }
  if (wantsEvents(request.headers.accept, row.id, body)) {
    return waitForEvents(parts, streamFormat(row.id))
  }
  const isJson = ANSWERED_IN_JSON.has(row.to.workload) && caller !== 'ollama'
  return backend.heartbeat === 'json' && isJson ? waitForJson(parts) : undefined
}

/** Ollama streams lines of JSON, between which nothing may stand. */
function wantsEvents(accept: string | undefined, rowId: string, body: Buffer | undefined): boolean {
  if (accept?.startsWith('text/event-stream') || rowId === 'generate-stream') return true
  const streams = streamFormat(rowId) !== undefined && !rowId.startsWith('ollama-')
  return streams && body !== undefined && jsonIsTrue(body, 'stream')
}

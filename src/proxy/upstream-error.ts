import { GatehouseError } from '../errors.js'

/** The request certainly never reached a backend: no connection came about. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])
/** As a backend does that closes an idle connection at the moment at which it is used again. */
const CLOSED = new Set(['UND_ERR_SOCKET', 'UPSTREAM_RESET', 'ECONNRESET', 'EPIPE'])
const TIMED_OUT = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

export function isUnreachable(error: unknown): boolean {
  return UNREACHABLE.has(codeOf(error))
}

/** What undici or a socket threw, as an error for the client: no address in it. */
export function upstreamError(cause: unknown, backend: string): GatehouseError {
  if (cause instanceof GatehouseError) return cause
  const facts = { values: { backend }, cause }
  if (isUnreachable(cause)) return new GatehouseError('GATEHOUSE_UNREACHABLE', facts)
  if (TIMED_OUT.has(codeOf(cause))) return new GatehouseError('GATEHOUSE_UPSTREAM_TIMEOUT', facts)
  return new GatehouseError('GATEHOUSE_UPSTREAM_FAILED', facts)
}

/** The connection ended before a byte of an answer came. */
export function isClosed(error: unknown): boolean {
  return CLOSED.has(codeOf(error))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

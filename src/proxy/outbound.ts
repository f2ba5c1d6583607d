import type { Lease } from '../backends/lease.js'
import type { Match } from '../routing/match.js'
import { upstreamPath } from '../routing/upstream-path.js'
import { hasBody } from './body.js'
import { abortByKey } from './cancel.js'
import type { Exchange } from './exchange.js'
import type { Outbound } from './forward.js'
import { withKey } from './genkey.js'
import { requestLines } from './headers.js'
import { StreamedBody } from './streamed-body.js'

/** RFC 9110 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** A request on its way down: what is known of it so far. */
export interface Call {
  /** As `normalisePath` returns it. */
  readonly path: string
  readonly match: Match
  readonly model: string | undefined
}

/** Whether a call is work for a backend: sent twice, it costs time, and changes nothing. */
export function isWork({ wake, lane, row }: Match): boolean {
  return wake && lane && !row.fallback
}

/** The request that is sent on a lease; `trusted`: whether its peer's X-Forwarded-* lines are believed. */
export function outboundOf(exchange: Exchange, { path, match }: Call, trusted: boolean): Outbound {
  const { request, lease, offer } = exchange
  const { raw } = request
  const { dialect, config } = lease as Lease
  const address = raw.socket.remoteAddress ?? ''
  const lines = requestLines(raw.rawHeaders, { address, trusted, requestId: request.id })
  const target = dialect.rewrites.get(path) ?? upstreamPath(raw.url ?? '/', path, match)
  return {
    method: raw.method ?? 'GET',
    path: config.address.basePath + target,
    lines,
    headersMs: match.route?.timeouts.headersMs,
    bodyIdleMs: match.route?.timeouts.bodyIdleMs,
    offer: dialect.webSockets === 'none' ? undefined : offer,
    mayRepeat: isWork(match) || IDEMPOTENT.has(raw.method ?? ''),
    ...bodyOf(exchange, match, lines),
  }
}

/** Without a length of its own a body that was read is sent with its true one. */
function bodyOf(
  { request: { raw }, body, lease, run }: Exchange,
  { row }: Match,
  lines: string[],
): Pick<Outbound, 'body' | 'cancel'> {
  if (!body) {
    const length = raw.headers['content-length']
    if (length !== undefined) lines.push('content-length', length)
    return { body: hasBody(raw) ? new StreamedBody(raw) : null, cancel: undefined }
  }
  const { dialect } = lease as Lease
  const key = run?.key
  if (dialect.cancels !== 'genkey' || key === undefined) return { body, cancel: undefined }
  const keyed = withKey(body, row.id, key)
  return { body: keyed ?? body, cancel: keyed && (() => abortByKey(lease as Lease, key)) }
}

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

/** Whether the X-Forwarded-* lines of a peer with this address are believed. */
export type Trusts = (address: string) => boolean

/** The lines of a request as its backend gets them. */
export function linesOf({ request: { raw, id } }: Exchange, trusts: Trusts): string[] {
  const address = raw.socket.remoteAddress ?? ''
  return requestLines(raw.rawHeaders, { address, trusted: trusts(address), requestId: id })
}

/** A body that is passed on as it comes, its length put among the lines; null: there is none. */
export function streamedBodyOf({ request: { raw } }: Exchange, lines: string[]) {
  const length = raw.headers['content-length']
  if (length !== undefined) lines.push('content-length', length)
  return hasBody(raw) ? new StreamedBody(raw) : null
}

/** The request that is sent on a lease. */
export function outboundOf(exchange: Exchange, { path, match }: Call, trusts: Trusts): Outbound {
  const { request, lease, offer } = exchange
  const { raw } = request
  const { dialect, config } = lease as Lease
  const lines = linesOf(exchange, trusts)
  if (mayBeHeld(exchange, match)) dropLine(lines, 'accept-encoding')
  const target = dialect.rewrites.get(path) ?? upstreamPath(raw.url ?? '/', path, match)
  const { body, cancel } = bodyOf(exchange, match, lines)
  return {
    method: raw.method ?? 'GET',
    path: config.address.basePath + target,
    lines,
    headersMs: match.route?.timeouts.headersMs,
    bodyIdleMs: match.route?.timeouts.bodyIdleMs,
    offer: dialect.webSockets === 'none' ? undefined : offer,
    mayRepeat: isWork(match) || IDEMPOTENT.has(raw.method ?? ''),
    body,
    cancel,
  }
}

/** Whether the head that the client has, or may have by then, cannot say how the body is packed. */
function mayBeHeld({ answer, lease }: Exchange, match: Match): boolean {
  return answer.isHeld || (lease?.config.heartbeat === 'json' && isWork(match))
}

function dropLine(lines: string[], name: string): void {
  for (let at = lines.length - 2; at >= 0; at -= 2) {
    if (lines[at]?.toLowerCase() === name) lines.splice(at, 2)
  }
}

/** Without a length of its own a body that was read is sent with its true one. */
function bodyOf(
  exchange: Exchange,
  { row }: Match,
  lines: string[],
): Pick<Outbound, 'body' | 'cancel'> {
  const { body, lease, run } = exchange
  if (!body) return { body: streamedBodyOf(exchange, lines), cancel: undefined }
  const { dialect } = lease as Lease
  if (dialect.cancels !== 'genkey' || !run) return { body, cancel: undefined }
  const { key } = run
  const keyed = withKey(body, row.id, key)
  run.isKeyed = keyed !== undefined
  return { body: keyed ?? body, cancel: keyed && (() => abortByKey(lease as Lease, key)) }
}

import type { IncomingHttpHeaders } from 'node:http'
import { connectionNames, HOP_BY_HOP } from './headers.js'
import { outerLocation } from './location.js'
import { BACKEND_HEADER, type HeadContext, isEventStream, QUEUE_HEADER } from './reply-head.js'

/**
 * A reply's lines as the client gets them: without those of the backend's own connection, of which the plugin drops
 * none, and with redirections to its own pages kept behind the door.
 */
export function replyHeaders(
  headers: IncomingHttpHeaders,
  { requestId, queue, backend, mount }: HeadContext,
): IncomingHttpHeaders {
  const named = connectionNames(['connection', [headers.connection ?? 'close'].join()])
  const isDropped = (name: string) => HOP_BY_HOP.has(name) || named.has(name) || name === 'trailer' // no trailer is passed on
  const kept = Object.entries(headers).filter(([name]) => !isDropped(name))
  const { location } = headers
  return {
    'x-request-id': requestId,
    ...(queue !== undefined && { [QUEUE_HEADER]: queue }),
    ...(isEventStream(headers['content-type'] ?? '') && { 'x-accel-buffering': 'no' }),
    ...Object.fromEntries(kept),
    [BACKEND_HEADER]: backend,
    ...(typeof location === 'string' && { location: outerLocation(location, mount) }),
  }
}

import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Lease } from '../backends/lease.js'
import type { Leaving } from '../departure.js'
import type { EmptyForm } from '../dialects/empty-answers.js'
import type { GatehouseError } from '../errors.js'
import type { Backlog } from './backlog.js'
import type { ClientReply } from './client-reply.js'
import { EmptyAnswerWatch } from './empty-answer.js'
import type { Mount } from './location.js'
import { ReplyHandler } from './reply-handler.js'
import type { StreamFormat } from './stream-format.js'
import type { WebSocketOffer } from './upgrade.js'

/** One request, ready to be sent to a backend. */
export interface Outbound {
  readonly method: string
  /** Path and query as the backend shall see them. */
  readonly path: string
  /** Name, value, name, value. */
  readonly lines: string[]
  readonly body: Buffer | Readable | null
  /** In milliseconds; undefined: what holds for the backend. */
  readonly headersMs: number | undefined
  readonly bodyIdleMs: number | undefined
  /** Whether it may be sent again where it may have been received already. */
  readonly mayRepeat: boolean
  /** The client offers to go on as a WebSocket. */
  readonly offer: WebSocketOffer | undefined
  /** Ends the request at a backend for which closing its connection is not enough. */
  readonly cancel: (() => void) | undefined
}

/** Where the answer goes. */
export interface Inbound {
  readonly answer: ClientReply
  readonly requestId: string
  readonly queue: string | undefined
  readonly backend: string
  readonly mount: Mount
  /** Aborts when the client leaves. */
  readonly gone: Leaving
  /** How the answer is streamed, if it is. */
  readonly format: StreamFormat | undefined
  /** How an answer to this call looks that has nothing in it; undefined: that is not known. */
  readonly emptyForm: EmptyForm | undefined
  readonly backlog: Backlog
  /** An error as the caller's API answers it whole. */
  readonly errorBody: (error: GatehouseError) => string
  readonly onEventGap: (gapMs: number) => void
}

/** What came of a request whose answer had begun. */
export interface Forwarded {
  readonly end: 'complete' | 'broken' | 'client_gone'
  readonly firstByteAt: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly events: number | undefined
  readonly cause?: unknown
}

/**
 * Sends a request on a lease and streams the answer back, byte for byte as it comes, with back-pressure.
 * Rejects with a GatehouseError while nothing of an answer was written; after that the client's connection is
 * either ended as the backend ended it, or broken.
 */
export function forward(lease: Lease, outbound: Outbound, inbound: Inbound): Promise<Forwarded> {
  return new Promise((resolve, reject) => {
    const exchange = { lease, outbound, inbound, settle: { resolve, reject } }
    send(new ReplyHandler(exchange, () => send(new ReplyHandler(exchange), 'alone')))
  })

  function send(inner: ReplyHandler, how?: 'alone'): void {
    const { emptyForm, backend } = inbound
    const handler = emptyForm ? new EmptyAnswerWatch(inner, emptyForm, backend) : inner
    if (how === 'alone') lease.upstream.dispatchAlone(requestOf(outbound), handler)
    else lease.upstream.dispatch(requestOf(outbound), handler)
  }
}

/** Written out, not spread together, as is all that every request pays for: V8 is many times faster so. */
function requestOf(outbound: Outbound): Dispatcher.DispatchOptions {
  return {
    method: outbound.method as Dispatcher.HttpMethod,
    path: outbound.path,
    headers: outbound.lines,
    body: outbound.body,
    headersTimeout: outbound.headersMs ?? null,
    bodyTimeout: 0, // the handler sees to it: undici does not see all of a stream
    upgrade: outbound.offer ? 'websocket' : null,
  }
}

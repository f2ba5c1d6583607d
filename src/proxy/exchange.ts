import { performance } from 'node:perf_hooks'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Asker, Lease } from '../backends/lease.js'
import { Departure } from '../departure.js'
import { asGatehouseError, type ErrorCode, GatehouseError } from '../errors.js'
import { type BodyLimits, readBody } from './body.js'
import { ClientConnection, type ConnectionWatcher } from './client-connection.js'
import { clientName } from './client-name.js'
import { ClientReply } from './client-reply.js'
import type { Forwarded } from './forward.js'
import { keepProbing } from './half-close.js'
import type { ExchangeRecorder, Outcome } from './recorder.js'
import type { Run } from './runs.js'
import type { WebSocketOffer } from './upgrade.js'

const OUTCOMES: Partial<Record<ErrorCode, Outcome>> = {
  GATEHOUSE_CLIENT_GONE: 'client_gone',
  GATEHOUSE_ABORTED: 'client_gone',
  GATEHOUSE_START_FAILED: 'start_failed',
  GATEHOUSE_BACKING_OFF: 'start_failed',
  GATEHOUSE_LANE_FULL: 'queue_full',
  GATEHOUSE_NO_MEMORY: 'no_memory',
  GATEHOUSE_OUT_OF_MEMORY: 'start_failed',
  GATEHOUSE_UPSTREAM_TIMEOUT: 'timeout',
  GATEHOUSE_UNREACHABLE: 'upstream_error',
  GATEHOUSE_UPSTREAM_FAILED: 'upstream_error',
  GATEHOUSE_UPSTREAM_BROKEN: 'upstream_broken',
  GATEHOUSE_EMPTY_ANSWER: 'upstream_error',
  GATEHOUSE_INTERNAL: 'upstream_error',
}

/** Where a request goes, once that is known. */
export interface Destination {
  readonly backend: string
  readonly workload: string
  /** What decided: the id of a built-in row, or the path of a route of the user's. */
  readonly route: string
}

interface Ending {
  readonly outcome: Outcome
  readonly status: number
  /** Undefined when no answer of a backend had begun. */
  readonly forwarded: Forwarded | undefined
  readonly cause: unknown
}

/** The gateway itself, or nobody. */
export const NOWHERE: Destination = { backend: '', workload: '', route: '' }

/** One request from its arrival until its reply is over: its clock, its signal, and the report of how it went. */
export class Exchange implements Asker, ConnectionWatcher {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  destination = NOWHERE
  /** Undefined while it was not read whole. */
  body: Buffer | undefined
  lease: Lease | undefined
  /** Its place among its client's requests, if it asks for work. */
  run: Run | undefined
  /** Its place in the line when it began to wait, and for how long; undefined: it did not wait. */
  queue: string | undefined
  /** How often it was sent again, because its backend had ended. */
  replays = 0
  /** Among those that are open. */
  place = -1
  readonly answer: ClientReply
  readonly #address: string
  readonly #arrivedAt = performance.now()
  /** Kept, because a request forgets its socket once that is gone. */
  readonly #connection: ClientConnection
  #client: string | undefined
  #isOver = false
  readonly #onOver: (() => void)[] = []
  #endProbing: (() => void) | undefined
  /** Aborts when the client leaves before its reply is complete. */
  readonly gone = new Departure()

  /** Its client offers to go on as a WebSocket. */
  readonly offer: WebSocketOffer | undefined

  constructor(request: FastifyRequest, reply: FastifyReply, offer?: WebSocketOffer) {
    this.offer = offer
    this.request = request
    this.reply = reply
    this.#connection = ClientConnection.of(request.raw.socket)
    this.#address = request.ip // kept for the same reason
    this.answer = new ClientReply(reply)
    // A pipelined request has no socket of its own until its turn comes: its reply never says that it closed.
    this.#connection.watch(this)
    reply.raw.on('close', () => this.onClose())
  }

  /** Who asks, for fairness: a key, else an address. */
  get client(): string {
    this.#client ??= clientName(this.request.headers, this.#address)
    return this.#client
  }

  /** The whole body, read once. Rejects as `readBody` does. */
  async readBody(limits: BodyLimits): Promise<Buffer> {
    this.body ??= await readBody(this.request.raw, limits, this.gone)
    return this.body
  }

  /** It must wait: what is told of that is told as it was then. */
  waits(ahead: number, etaMs: number | undefined): void {
    this.queue ??= etaMs === undefined ? `${ahead}` : `${ahead};${Math.ceil(etaMs / 1000)}`
  }

  /** Resolves when the reply is over, one way or the other. */
  closed(): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    return new Promise((resolve) => this.#onOver.push(resolve))
  }

  /** Its client's connection ends with this reply; a line of news, which would go on for ever, ends now. */
  closeAfterwards(): void {
    const { raw } = this.reply
    raw.shouldKeepAlive = false
    // Without a lease it is the gateway's own.
    const isNews = !this.lease || this.lease.dialect.webSockets === 'news'
    if (raw.statusCode === 101 && isNews) this.breakOff()
  }

  /** Ends the reply now, so that nobody takes it for complete. */
  breakOff(): void {
    if (this.reply.raw.headersSent) this.answer.breakOff()
    else this.#connection.destroy()
  }

  /** The reply is over, or its connection is. */
  onClose(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#connection.forget(this)
    this.#endProbing?.()
    if (!this.reply.raw.writableFinished) {
      this.gone.leave(new GatehouseError('GATEHOUSE_CLIENT_GONE'))
    }
    for (const tell of this.#onOver) tell()
  }

  /** The client sends no more; whether it still reads is to be found out. */
  onEnd(): void {
    const { raw } = this.reply
    const isGone = () => this.#connection.destroy()
    // Before its answer, a client of HTTP/1.0 cannot be asked whether it is still there.
    if (raw.req.httpVersionMinor < 1 && !raw.headersSent) isGone()
    else this.#endProbing = keepProbing(this.#connection.socket, () => this.answer.probe(), isGone)
  }

  answered(forwarded: Forwarded, recorder: ExchangeRecorder): void {
    const { status } = this.answer
    this.#record(recorder, {
      outcome: this.#outcome(forwarded, status),
      status,
      forwarded,
      cause: forwarded.cause,
    })
  }

  /** The gateway gave the whole answer itself. */
  answeredItself(recorder: ExchangeRecorder): void {
    const { statusCode: status } = this.reply.raw
    const outcome = this.gone.aborted && status !== 101 ? 'client_gone' : 'ok'
    this.#record(recorder, { outcome, status, forwarded: undefined, cause: undefined })
  }

  failed(error: unknown, recorder: ExchangeRecorder): void {
    const known = asGatehouseError(error)
    this.#record(recorder, {
      outcome: OUTCOMES[known.code] ?? 'refused',
      status: known.statusCode,
      forwarded: undefined,
      cause: error,
    })
  }

  #outcome(forwarded: Forwarded, status: number): Outcome {
    if (status === 101) return 'ok' // a tunnel ends by one side's leaving
    if (forwarded.end === 'broken') return 'upstream_broken'
    const hasLeft = this.gone.aborted && !this.answer.isRefused
    if (forwarded.end === 'client_gone' || hasLeft) return 'client_gone'
    return status >= 500 ? 'upstream_error' : 'ok'
  }

  /** Written out, not spread together: that is a hundred times cheaper, and every request pays it. */
  #record(recorder: ExchangeRecorder, { outcome, status, forwarded, cause }: Ending): void {
    const { request, lease, destination } = this
    recorder.exchanged({
      requestId: request.id,
      client: this.#address,
      method: request.method,
      path: pathOf(request.raw.url ?? ''),
      backend: destination.backend,
      workload: destination.workload,
      route: destination.route,
      outcome,
      status,
      queueWaitMs: lease?.queueWaitMs,
      startWaitMs: lease?.startWaitMs,
      firstByteMs: forwarded && forwarded.firstByteAt - this.#arrivedAt,
      durationMs: performance.now() - this.#arrivedAt,
      requestBytes: this.body?.length || (forwarded?.requestBytes ?? 0),
      replays: this.replays,
      responseBytes: forwarded?.responseBytes ?? 0,
      events: forwarded?.events,
      cause,
    })
  }
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

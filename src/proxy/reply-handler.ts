import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'
import type { Lease } from '../backends/lease.js'
import type { Connection, UpstreamHandler } from '../backends/upstream.js'
import { GatehouseError, hasCode } from '../errors.js'
import type { Forwarded, Inbound, Outbound } from './forward.js'
import { ReplyBody } from './reply-body.js'
import { readReplyHead, switchesToWebSocket } from './reply-head.js'
import { StreamWatch } from './stream-watch.js'
import type { Carried } from './tunnel.js'
import { isClosed, isUnreachable, upstreamError } from './upstream-error.js'

const UNFINISHED = 'the reply ended without the last event of its stream'
const UNASKED_SWITCH = 'the backend switched to a protocol that nobody asked for'

interface Sent {
  readonly lease: Lease
  readonly outbound: Outbound
  readonly inbound: Inbound
  readonly settle: {
    resolve(forwarded: Forwarded): void
    reject(error: unknown): void
  }
}

interface BodyBegin {
  readonly resume: () => void
  /** The lines of the head. */
  readonly raw: readonly Buffer[]
  readonly stream?: StreamWatch | undefined
}

/** Undici's handler, without a stream between the backend's socket and the raw reply. */
export class ReplyHandler implements UpstreamHandler {
  readonly #sent: Sent
  /** Sends the request again on a connection that is new; undefined: this one was. */
  readonly #sendAnew: (() => void) | undefined
  readonly #leave = () => this.#clientLeft()
  readonly #timer: NodeJS.Timeout | undefined
  #connection: Connection | undefined
  #wasOpen = false
  #abort: ((error?: Error) => void) | undefined
  #cancelled: Error | undefined
  #isAbandoned = false
  #body: ReplyBody | undefined
  #firstByteAt = 0
  #requestBytes = 0
  /** Of a tunnel. */
  #carriedBytes = 0
  #bodiless = false

  constructor(sent: Sent, sendAnew?: () => void) {
    this.#sent = sent
    this.#sendAnew = sendAnew
    const { lease, inbound } = sent
    const { requestTimeoutMs } = lease.config
    if (requestTimeoutMs > 0) this.#timer = setTimeout(() => this.#timeOut(), requestTimeoutMs)
    inbound.gone.addEventListener('abort', this.#leave)
    if (inbound.gone.aborted) this.#leave()
  }

  onConnection(connection: Connection): void {
    this.#connection = connection
    this.#wasOpen = connection.isOpen
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    if (this.#cancelled) abort(this.#cancelled)
  }

  onBodySent(chunk: unknown): void {
    this.#requestBytes += (chunk as Uint8Array | string).length
  }

  // biome-ignore lint/complexity/useMaxParams: undici calls it so
  onHeaders(status: number, raw: Buffer[], resume: () => void, reason: string): boolean {
    if (this.#isAbandoned) {
      if (status < 200) return true
      this.#firstByteAt ||= performance.now()
      this.#begin({ resume, raw }).abandon()
      return true
    }
    if (status === 101) throw new Error(UNASKED_SWITCH)
    const { answer } = this.#sent.inbound
    const head = readReplyHead(raw, this.#sent.inbound)
    if (status < 200) {
      answer.interim(status, reason, head.lines)
      return true
    }
    this.#firstByteAt = performance.now()
    this.#bodiless = status === 204 || status === 304 || this.#sent.outbound.method === 'HEAD'
    const stream = this.#bodiless ? undefined : StreamWatch.of(head, this.#sent.inbound)
    this.#begin({ resume, raw, stream })
    answer.begin(status, reason, head)
    return true
  }

  #begin({ resume, raw, stream }: BodyBegin): ReplyBody {
    const { lease, outbound, inbound } = this.#sent
    const abort = (error: Error) => this.#abort?.(error)
    const sides = { lease, outbound, inbound, connection: this.#connection, resume, abort }
    this.#body = new ReplyBody(sides, stream)
    this.#body.begin(raw)
    return this.#body
  }

  /** From here on, each side's end ends the other. */
  onUpgrade(_status: number, raw: Buffer[], backend: Duplex): void {
    this.#stopWatching()
    if (switchesToWebSocket(raw)) this.#joinTo(backend as Socket, raw)
    else {
      backend.destroy()
      this.#fail(new Error(UNASKED_SWITCH))
    }
  }

  #joinTo(backend: Socket, raw: Buffer[]): void {
    const { inbound, outbound, lease } = this.#sent
    this.#firstByteAt = performance.now()
    if (lease.dialect.webSockets === 'news') lease.end()
    const over = (carried: Carried) => {
      this.#requestBytes = carried.requestBytes
      this.#carriedBytes = carried.responseBytes
      this.#finish('complete')
    }
    inbound.answer.becomeTunnel()
    outbound.offer?.accept(readReplyHead(raw, inbound).lines, { backend, over })
  }

  onData(chunk: Buffer): boolean {
    return this.#body?.pass(chunk) !== false
  }

  onComplete(trailers: string[] | null): void {
    if (this.#body?.stream?.isWhole === false) {
      this.#broke(new Error(UNFINISHED))
      return
    }
    if (!this.#isAbandoned) this.#sent.inbound.answer.end(trailers)
    this.#finish('complete')
  }

  onError(error: Error): void {
    // Undici misses the body that the length of a 304 speaks of; it is the length of another answer (RFC 9110 8.6).
    if (this.#bodiless && !this.#cancelled) this.onComplete(null)
    else if (this.#firstByteAt > 0) this.#broke(error)
    else if (this.#isStale(error)) {
      this.#stopWatching()
      this.#sendAnew?.()
    } else this.#fail(error)
  }

  /** The backend closed an idle connection while the request was on its way: it never saw it. */
  #isStale(error: Error): boolean {
    const { body, mayRepeat } = this.#sent.outbound
    return (
      mayRepeat &&
      this.#sendAnew !== undefined &&
      this.#wasOpen &&
      this.#connection?.hasReplied === false &&
      isClosed(error) &&
      (body === null || Buffer.isBuffer(body)) &&
      !this.#cancelled
    )
  }

  #fail(error: Error): void {
    const { lease, outbound, settle } = this.#sent
    this.#stopWatching()
    if (isUnreachable(error)) lease.unreachable()
    const failure = upstreamError(error, lease.config.name)
    const isLate = hasCode(failure, 'GATEHOUSE_UPSTREAM_TIMEOUT')
    if (isLate && !this.#cancelled) outbound.cancel?.()
    settle.reject(failure)
  }

  #clientLeft(): void {
    const reason = this.#sent.inbound.gone.reason as GatehouseError
    if (this.#mayFinish() && hasCode(reason, 'GATEHOUSE_CLIENT_GONE')) {
      this.#isAbandoned = true
      this.#body?.abandon()
      return
    }
    const isThere = !hasCode(reason, 'GATEHOUSE_CLIENT_GONE')
    if (isThere && this.#firstByteAt > 0) this.#breakOff(reason)
    this.#cancel(reason, 'client_gone')
  }

  /** Whether the request goes on at the backend without its client: one that was not sent yet does not. */
  #mayFinish(): boolean {
    const { lease, outbound } = this.#sent
    return (
      lease.config.onClientGone === 'finish' &&
      this.#abort !== undefined &&
      !outbound.offer &&
      (outbound.body === null || Buffer.isBuffer(outbound.body))
    )
  }

  /** An answer that has begun cannot become an error any more: it is broken off. */
  #timeOut(): void {
    const values = { backend: this.#sent.lease.config.name }
    const error = new GatehouseError('GATEHOUSE_UPSTREAM_TIMEOUT', { values })
    if (this.#firstByteAt > 0) this.#breakOff(error)
    this.#cancel(error, 'broken')
  }

  /** Ends the request at the backend, and settles as is fit for how far the answer has come. */
  #cancel(error: GatehouseError, end: Forwarded['end']): void {
    if (this.#firstByteAt > 0) this.#finish(end, error)
    else {
      this.#stopWatching()
      this.#sent.settle.reject(error)
    }
    this.#cancelled = error
    if (this.#abort) this.#sent.outbound.cancel?.()
    this.#connection?.forsake()
    this.#abort?.(error)
  }

  #broke(cause: Error): void {
    const values = { backend: this.#sent.lease.config.name }
    this.#breakOff(new GatehouseError('GATEHOUSE_UPSTREAM_BROKEN', { values, cause }))
    this.#finish('broken', cause)
  }

  /** The client is told in its own words, where another event can follow what it has. */
  #breakOff(error: GatehouseError): void {
    const { answer, format, errorBody } = this.#sent.inbound
    const canTell = format !== undefined && this.#body?.stream?.isBetweenEvents === true
    answer.breakOff(canTell ? format.errorEvent(error, errorBody(error)) : undefined)
  }

  #finish(end: Forwarded['end'], cause?: unknown): void {
    this.#stopWatching()
    this.#sent.settle.resolve({
      end: this.#sent.inbound.gone.aborted ? 'client_gone' : end,
      firstByteAt: this.#firstByteAt,
      requestBytes: this.#requestBytes,
      responseBytes: this.#body?.bytes ?? this.#carriedBytes,
      events: this.#body?.stream?.eventCount,
      cause,
    })
  }

  #stopWatching(): void {
    clearTimeout(this.#timer)
    this.#body?.end()
    this.#sent.inbound.gone.removeEventListener('abort', this.#leave)
  }
}

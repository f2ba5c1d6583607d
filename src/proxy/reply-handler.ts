import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'
import type { Lease } from '../backends/lease.js'
import type { Connection, UpstreamHandler } from '../backends/upstream.js'
import { GatehouseError, hasCode } from '../errors.js'
import type { ClientReply } from './client-reply.js'
import type { Forwarded, Inbound, Outbound } from './forward.js'
import { isEventStream, type ReplyHead, readReplyHead, switchesToWebSocket } from './reply-head.js'
import { StreamEnd } from './stream-end.js'
import { StreamEvents } from './stream-events.js'
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
  #resume: (() => void) | undefined
  /** Whether the client has once not kept up. */
  #isWaiting = false
  #events: StreamEvents | undefined
  #end: StreamEnd | undefined
  #firstByteAt = 0
  #requestBytes = 0
  #responseBytes = 0
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
      this.#firstByteAt ||= performance.now()
      return true
    }
    if (status === 101) throw new Error(UNASKED_SWITCH)
    const { answer } = this.#sent.inbound
    const head = readReplyHead(raw, this.#sent.inbound)
    if (status < 200) {
      answer.interim(status, reason, head.lines)
      return true
    }
    this.#connection?.headCame()
    this.#resume = resume
    this.#firstByteAt = performance.now()
    this.#bodiless = status === 204 || status === 304 || this.#sent.outbound.method === 'HEAD'
    this.#watchStream(head)
    answer.begin(status, reason, head)
    process.nextTick(flush, answer)
    return true
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
      this.#responseBytes = carried.responseBytes
      this.#finish('complete')
    }
    inbound.answer.becomeTunnel()
    outbound.offer?.accept(readReplyHead(raw, inbound).lines, { backend, over })
  }

  onData(chunk: Buffer): boolean {
    this.#responseBytes += chunk.length
    if (this.#isAbandoned) return true
    this.#events?.pass(chunk)
    this.#end?.pass(chunk)
    const { answer, backlog } = this.#sent.inbound
    if (answer.write(chunk)) return true
    if (this.#sent.lease.dialect.locksWhileWriting && backlog.allows(answer.raw)) return true
    this.#waitForClient(answer.raw)
    return false
  }

  onComplete(trailers: string[] | null): void {
    if (this.#end && !this.#end.isWhole) {
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

  #waitForClient(raw: ServerResponse): void {
    if (this.#isWaiting || !this.#resume) return
    this.#isWaiting = true
    raw.on('drain', this.#resume)
  }

  #watchStream({ contentType, isDelimited }: ReplyHead): void {
    const { format, answer, onEventGap } = this.#sent.inbound
    if (isEventStream(contentType)) {
      const events = new StreamEvents(onEventGap)
      this.#events = events
      answer.streamsEvents(() => events.isBetweenEvents)
    }
    const isStream = this.#events !== undefined || contentType.startsWith('application/x-ndjson')
    if (format && isStream && !this.#bodiless) this.#end = new StreamEnd(format, !isDelimited)
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
      this.#resume?.()
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
    const canTell = format !== undefined && this.#end?.isBetweenEvents === true
    answer.breakOff(canTell ? format.errorEvent(error, errorBody(error)) : undefined)
  }

  #finish(end: Forwarded['end'], cause?: unknown): void {
    this.#stopWatching()
    this.#sent.settle.resolve({
      end: this.#sent.inbound.gone.aborted ? 'client_gone' : end,
      firstByteAt: this.#firstByteAt,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      events: this.#events?.count,
      cause,
    })
  }

  #stopWatching(): void {
    const { gone, answer } = this.#sent.inbound
    clearTimeout(this.#timer)
    gone.removeEventListener('abort', this.#leave)
    if (this.#isWaiting && this.#resume) answer.raw.off('drain', this.#resume)
  }
}

/** The head leaves at once, alone if the backend's first bytes are not here in the same tick. */
function flush(answer: ClientReply): void {
  answer.flush()
}

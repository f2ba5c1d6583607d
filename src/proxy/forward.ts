import type { ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Lease } from '../backends/lease.js'
import type { Leaving } from '../departure.js'
import { GatehouseError } from '../errors.js'
import { lineValue, replyLines } from './headers.js'
import { StreamEvents } from './stream-events.js'
import { isUnreachable, upstreamError } from './upstream-error.js'

/** One request, ready to be sent to a backend. */
export interface Outbound {
  readonly method: string
  /** Path and query as the backend shall see them. */
  readonly path: string
  /** Name, value, name, value. */
  readonly lines: string[]
  readonly body: Buffer | Readable | null
}

/** Where the answer goes. */
export interface Inbound {
  readonly raw: ServerResponse
  /** Aborts when the client leaves. */
  readonly gone: Leaving
  /** Called once, just before the first byte of the answer is written to `raw`. */
  readonly takeOver: () => void
  readonly onEventGap: (gapMs: number) => void
}

/** What came of a request whose answer had begun. */
export interface Forwarded {
  readonly end: 'complete' | 'broken' | 'client_gone'
  readonly firstByteAt: number
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
    const { method, path, lines: headers, body } = outbound
    const handler = new ReplyHandler(lease, inbound, { resolve, reject })
    lease.upstream.dispatch({ method, path, headers, body }, handler)
  })
}

/** What Node refuses to write as a reason phrase; a client may ignore any (RFC 9112 4). */
const ODD_REASON = /[^\t\x20-\x7e\x80-\xff]/

interface Settle {
  resolve(forwarded: Forwarded): void
  reject(error: unknown): void
}

/** Undici's handler, without a stream between the backend's socket and the raw reply. */
class ReplyHandler implements Dispatcher.DispatchHandler {
  readonly #lease: Lease
  readonly #inbound: Inbound
  readonly #settle: Settle
  readonly #leave = () => this.#cancel(new GatehouseError('GATEHOUSE_CLIENT_GONE'), 'client_gone')
  readonly #timer: NodeJS.Timeout | undefined
  #abort: ((error?: Error) => void) | undefined
  #cancelled: Error | undefined
  #resume: (() => void) | undefined
  #events: StreamEvents | undefined
  #firstByteAt = 0
  #responseBytes = 0
  #bodiless = false

  constructor(lease: Lease, inbound: Inbound, settle: Settle) {
    this.#lease = lease
    this.#inbound = inbound
    this.#settle = settle
    const { requestTimeoutMs } = lease.config
    if (requestTimeoutMs > 0) this.#timer = setTimeout(() => this.#timeOut(), requestTimeoutMs)
    inbound.gone.addEventListener('abort', this.#leave, { once: true })
    if (inbound.gone.aborted) this.#leave()
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    if (this.#cancelled) abort(this.#cancelled)
  }

  // biome-ignore lint/complexity/useMaxParams: undici calls it so
  onHeaders(status: number, head: Buffer[], resume: () => void, statusText: string): boolean {
    if (status < 200) return true
    const { raw } = this.#inbound
    const lines = replyLines(head)
    this.#resume = resume
    this.#firstByteAt = performance.now()
    this.#bodiless = status === 204 || status === 304
    if (lineValue(lines, 'content-type')?.startsWith('text/event-stream')) this.#watchEvents(lines)
    this.#inbound.takeOver()
    raw.on('drain', resume)
    raw.writeHead(status, ODD_REASON.test(statusText) ? '' : statusText, lines)
    process.nextTick(flushHead, this)
    return true
  }

  onData(chunk: Buffer): boolean {
    this.#responseBytes += chunk.length
    this.#events?.pass(chunk)
    return this.#inbound.raw.write(chunk)
  }

  onComplete(): void {
    this.#inbound.raw.end()
    this.#finish('complete')
  }

  onError(error: Error): void {
    // Undici misses the body that the length of a 304 speaks of; it is the length of another answer (RFC 9110 8.6).
    if (this.#bodiless && !this.#cancelled) this.onComplete()
    else if (this.#firstByteAt > 0) {
      this.#inbound.raw.destroy()
      this.#finish(this.#inbound.gone.aborted ? 'client_gone' : 'broken', error)
    } else {
      this.#stopWatching()
      if (isUnreachable(error)) this.#lease.unreachable()
      this.#settle.reject(upstreamError(error, this.#lease.config.name))
    }
  }

  /** The head leaves at once, alone if the backend's first bytes are not here in the same tick. */
  flushHead(): void {
    const { raw } = this.#inbound
    if (this.#responseBytes === 0 && !raw.writableEnded) raw.flushHeaders()
  }

  #watchEvents(lines: string[]): void {
    this.#events = new StreamEvents(this.#inbound.onEventGap)
    if (!lineValue(lines, 'x-accel-buffering')) lines.push('x-accel-buffering', 'no')
  }

  /** An answer that has begun cannot become an error any more: it is broken off. */
  #timeOut(): void {
    const values = { backend: this.#lease.config.name }
    if (this.#firstByteAt > 0) this.#inbound.raw.destroy()
    this.#cancel(new GatehouseError('GATEHOUSE_UPSTREAM_TIMEOUT', { values }), 'broken')
  }

  /** Ends the request at the backend, and settles as is fit for how far the answer has come. */
  #cancel(error: GatehouseError, end: Forwarded['end']): void {
    if (this.#firstByteAt > 0) this.#finish(end, error)
    else this.#settle.reject(error)
    this.#stopWatching()
    this.#cancelled = error
    this.#abort?.(error)
  }

  #finish(end: Forwarded['end'], cause?: unknown): void {
    this.#stopWatching()
    this.#settle.resolve({
      end,
      firstByteAt: this.#firstByteAt,
      responseBytes: this.#responseBytes,
      events: this.#events?.count,
      cause,
    })
  }

  #stopWatching(): void {
    clearTimeout(this.#timer)
    this.#inbound.gone.removeEventListener('abort', this.#leave)
    if (this.#resume) this.#inbound.raw.off('drain', this.#resume)
  }
}

function flushHead(handler: ReplyHandler): void {
  handler.flushHead()
}

import { performance } from 'node:perf_hooks'
import type { Dispatcher } from 'undici'
import type { Lease } from '../backends/lease.js'
import type { Connection, UpstreamHandler } from '../backends/upstream.js'
import type { Leaving } from '../departure.js'
import { GatehouseError } from '../errors.js'
import type { Forwarded } from './forward.js'
import { lineValue } from './headers.js'
import { isEventStream } from './reply-head.js'
import { StreamEvents } from './stream-events.js'
import { isUnreachable } from './upstream-error.js'

/** What Fastify takes for a status. */
const HIGHEST_STATUS = 599

export interface PassageParts {
  readonly lease: Lease
  /** Aborts when the client leaves. */
  readonly gone: Leaving
  readonly onEventGap: (gapMs: number) => void
}

/**
 * Stands between a backend's connection and the handler that the plugin gave to undici: ends the request when its
 * client leaves or its time is over, mends what undici gets wrong, and keeps account.
 */
export class Passage implements UpstreamHandler {
  readonly #inner: Dispatcher.DispatchHandler
  readonly #lease: Lease
  readonly #gone: Leaving
  readonly #onEventGap: (gapMs: number) => void
  readonly #timer: NodeJS.Timeout | undefined
  readonly #leave = () => this.cancel(this.#gone.reason)
  #connection: Connection | undefined
  #abort: ((error?: Error) => void) | undefined
  #cancelled: Error | undefined
  #isBodiless = false
  #events: StreamEvents | undefined
  #firstByteAt = 0
  #requestBytes = 0
  #responseBytes = 0
  #end: Forwarded['end'] | undefined
  #cause: unknown

  constructor(inner: Dispatcher.DispatchHandler, { lease, gone, onEventGap }: PassageParts) {
    this.#inner = inner
    this.#lease = lease
    this.#gone = gone
    this.#onEventGap = onEventGap
    const { requestTimeoutMs } = lease.config
    if (requestTimeoutMs > 0) this.#timer = setTimeout(() => this.#timeOut(), requestTimeoutMs)
    gone.addEventListener('abort', this.#leave, { once: true })
    if (gone.aborted) this.#leave()
  }

  /** What came of it so far; undefined while no answer has begun. */
  get forwarded(): Forwarded | undefined {
    if (this.#firstByteAt === 0) return undefined
    return {
      end: this.#end ?? (this.#gone.aborted ? 'client_gone' : 'complete'),
      firstByteAt: this.#firstByteAt,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      events: this.#events?.count,
      cause: this.#cause,
    }
  }

  /** Whether it is an event stream into which something can be put now. */
  get isBetweenEvents(): boolean {
    return this.#events?.isBetweenEvents === true
  }

  onConnection(connection: Connection): void {
    this.#connection = connection
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    if (this.#cancelled) abort(this.#cancelled)
    else this.#inner.onConnect?.(abort)
  }

  onBodySent(chunk: unknown): void {
    this.#requestBytes += (chunk as Uint8Array | string).length
  }

  // biome-ignore lint/complexity/useMaxParams: undici calls it so
  onHeaders(status: number, head: Buffer[], resume: () => void, statusText: string): boolean {
    if (status < 200) return true
    if (status > HIGHEST_STATUS) {
      this.cancel(this.#error('GATEHOUSE_UPSTREAM_FAILED'))
      return true
    }
    this.#connection?.headCame()
    this.#firstByteAt = performance.now()
    this.#isBodiless = status === 204 || status === 304
    const type = lineValue(head.map(String), 'content-type') ?? ''
    if (isEventStream(type)) this.#events = new StreamEvents(this.#onEventGap)
    const readOn = () => {
      this.#connection?.letGo()
      resume()
    }
    return this.#inner.onHeaders?.(status, head, readOn, statusText) !== false
  }

  onData(chunk: Buffer): boolean {
    this.#responseBytes += chunk.length
    this.#events?.pass(chunk)
    const goesOn = this.#inner.onData?.(chunk) !== false
    if (!goesOn) this.#connection?.hold()
    return goesOn
  }

  onComplete(trailers: string[] | null): void {
    this.#finish('complete')
    this.#inner.onComplete?.(trailers)
  }

  onError(error: Error): void {
    // Undici misses the body that the length of a 304 speaks of; it is the length of another answer (RFC 9110 8.6).
    if (this.#isBodiless && !this.#cancelled) this.onComplete([])
    else if (!this.#end) this.#fail(error)
  }

  /** Ends the request at the backend; the client hears this reason, if nothing of an answer has begun. */
  cancel(reason: unknown): void {
    this.#cancelled = reason instanceof Error ? reason : new GatehouseError('GATEHOUSE_CLIENT_GONE')
    this.#connection?.forsake()
    if (this.#abort) this.#abort(this.#cancelled)
    else if (!this.#end) this.#fail(this.#cancelled) // nobody waits for a connection that comes too late
  }

  #fail(error: Error): void {
    if (isUnreachable(error)) this.#lease.unreachable()
    this.#cause = error
    this.#finish(this.#gone.aborted ? 'client_gone' : 'broken')
    this.#inner.onError?.(error)
  }

  #timeOut(): void {
    this.cancel(this.#error('GATEHOUSE_UPSTREAM_TIMEOUT'))
  }

  #error(code: 'GATEHOUSE_UPSTREAM_FAILED' | 'GATEHOUSE_UPSTREAM_TIMEOUT'): GatehouseError {
    return new GatehouseError(code, { values: { backend: this.#lease.config.name } })
  }

  #finish(end: Forwarded['end']): void {
    this.#end = end
    clearTimeout(this.#timer)
    this.#gone.removeEventListener('abort', this.#leave)
  }
}

import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Connection, UpstreamHandler } from '../backends/upstream.js'
import type { EmptyForm } from '../dialects/empty-answers.js'
import { GatehouseError } from '../errors.js'
import { lineValue } from './headers.js'
import { isEventStream, textsOf } from './reply-head.js'

/** How long a real answer may be held: an empty one is here at once, as nothing was made for it. */
const HELD_MS = 1_000
const EVENT_END = '\n\n'

type Head = Parameters<NonNullable<Dispatcher.DispatchHandler['onHeaders']>>

/**
 * Stands between a backend's connection and the handler of its answer: an answer that may have nothing in it is held
 * until that shows, a short one until it is whole and a stream until its first event, and told as an error if so.
 * Every other passes at once and unchanged.
 */
export class EmptyAnswerWatch implements UpstreamHandler {
  readonly #inner: UpstreamHandler
  readonly #form: EmptyForm
  readonly #backend: string
  #connection: Connection | undefined
  #abort: ((error?: Error) => void) | undefined
  /** Undefined while nothing is held. */
  #head: Head | undefined
  #isStream = false
  #held: Buffer = Buffer.alloc(0)
  #timer: NodeJS.Timeout | undefined

  constructor(inner: UpstreamHandler, form: EmptyForm, backend: string) {
    this.#inner = inner
    this.#form = form
    this.#backend = backend
  }

  onConnection(connection: Connection): void {
    this.#connection = connection
    this.#inner.onConnection?.(connection)
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    this.#inner.onConnect?.(abort)
  }

  onBodySent(chunkSize: number, totalBytesSent: number): void {
    this.#inner.onBodySent?.(chunkSize, totalBytesSent)
  }

  onHeaders(...head: Head): boolean {
    const [status, lines] = head
    if (status !== 200 || !this.#mayBeEmpty(lines))
      return this.#inner.onHeaders?.(...head) !== false
    this.#connection?.headCame(this.#isStream ? lines : undefined)
    this.#head = head
    this.#timer = setTimeout(() => this.#releaseInTime(), HELD_MS)
    return true
  }

  onUpgrade(status: number, lines: Buffer[] | string[] | null, socket: Duplex): void {
    this.#inner.onUpgrade?.(status, lines, socket)
  }

  onData(chunk: Buffer): boolean {
    if (!this.#head) return this.#inner.onData?.(chunk) !== false
    this.#held = Buffer.concat([this.#held, chunk])
    return this.#mayStillBeEmpty() || this.#release()
  }

  onComplete(trailers: string[] | null): void {
    const isEmpty = this.#head !== undefined && this.#form.isEmpty(this.#held)
    if (!isEmpty) {
      this.#release()
      this.#inner.onComplete?.(trailers)
      return
    }
    const values = { backend: this.#backend }
    this.onError(new GatehouseError('GATEHOUSE_EMPTY_ANSWER', { values }))
  }

  /** Nothing of what is held was sent: to the client it is an answer that never began. */
  onError(error: Error): void {
    clearTimeout(this.#timer)
    this.#head = undefined
    this.#inner.onError?.(error)
  }

  #mayBeEmpty(raw: readonly Buffer[]): boolean {
    const lines = textsOf(raw)
    if (lineValue(lines, 'content-encoding') !== undefined) return false
    const length = lineValue(lines, 'content-length')
    if (length !== undefined) return Number(length) <= this.#form.maxBytes
    this.#isStream = isEventStream(lineValue(lines, 'content-type') ?? '')
    return this.#isStream && this.#form.maxBytes > 0
  }

  /** Of a stream only whole events are judged. */
  #mayStillBeEmpty(): boolean {
    if (this.#held.length > this.#form.maxBytes) return false
    if (!this.#isStream) return true
    const end = this.#held.lastIndexOf(EVENT_END)
    return end < 0 || this.#form.isEmpty(this.#held.subarray(0, end))
  }

  /** Returns false when the client does not keep up. */
  #release(): boolean {
    const [head, held] = [this.#head, this.#held]
    clearTimeout(this.#timer)
    this.#head = undefined
    if (!head) return true
    const goesOn = this.#inner.onHeaders?.(...head) !== false
    if (held.length === 0) return goesOn
    return this.#inner.onData?.(held) !== false && goesOn
  }

  /** What undici would catch is caught here, where it does not call. */
  #releaseInTime(): void {
    try {
      this.#release()
    } catch (error) {
      this.#abort?.(error as Error)
    }
  }
}

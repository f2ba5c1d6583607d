import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import type { Lease } from '../backends/lease.js'
import type { Pool } from '../backends/pool.js'
import { normalisePath } from '../config/normalise-path.js'
import { GatehouseError, hasCode } from '../errors.js'
import { findRow } from '../routing/find-row.js'
import type { BodyLimits } from './body.js'
import { Exchange } from './exchange.js'
import { linesOf, streamedBodyOf, type Trusts } from './outbound.js'
import { Passage } from './raw-door-passage.js'
import type { ExchangeRecorder } from './recorder.js'
import type { HeadContext } from './reply-head.js'
import { watchStreamedBody } from './streamed-body.js'
import { upstreamError } from './upstream-error.js'

export interface RawDoorParts {
  readonly pool: Pool
  readonly recorder: ExchangeRecorder
  readonly body: BodyLimits
  readonly trusts: Trusts
}

/** `/gatehouse/backends/NAME` in any spelling, the path behind it, and the query. */
const TARGET = /^(?:\/[^/?]*){3}([^?]*)(.*)$/s

/** One request through the raw door: from its lease to its line in the access log. */
export class Visit {
  readonly #parts: RawDoorParts
  readonly #exchange: Exchange
  #lease: Lease | undefined
  #passage: Passage | undefined
  #failure: unknown
  #endWatch = () => {}

  constructor(request: FastifyRequest, reply: FastifyReply, parts: RawDoorParts) {
    this.#parts = parts
    this.#exchange = new Exchange(request, reply)
    void this.#exchange.closed().then(() => this.#end())
  }

  /** The leave to ask the backend of this name; it ends with the reply, whatever becomes of that. */
  async enter(name: string): Promise<void> {
    try {
      await this.#enter(name)
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  /** The lease of a visit that has entered. */
  get lease(): Lease {
    if (this.#lease) return this.#lease
    throw new GatehouseError('GATEHOUSE_INTERNAL')
  }

  /** What the lines of its answer are read with; `door` is in front of the backend's name. */
  at(door: string): HeadContext {
    const { config, origin } = this.lease
    const prefix = `${door}/${config.name}`
    const mount = { origin, basePath: config.address.basePath, prefix }
    const { request, queue } = this.#exchange
    return { requestId: request.id, queue, backend: config.name, mount }
  }

  /** Sends the request as it came; of what the plugin made of it only the handler of the answer is used. */
  dispatch(method: string, handler: Dispatcher.DispatchHandler): void {
    const { lease } = this
    const { destination, gone } = this.#exchange
    const { backend, workload } = destination
    const onEventGap = (gapMs: number) => this.#parts.recorder.eventGap(backend, workload, gapMs)
    const passage = new Passage(handler, { lease, gone, onEventGap })
    this.#passage = passage
    this.#exchange.answer.streamsEvents(() => passage.isBetweenEvents)
    const { raw } = this.#exchange.request
    const headers = linesOf(this.#exchange, this.#parts.trusts)
    const body = this.#exchange.body ?? streamedBodyOf(this.#exchange, headers)
    if (body && !Buffer.isBuffer(body)) {
      this.#endWatch = watchStreamedBody(raw, this.#parts.body, gone)
    }
    const path = lease.config.address.basePath + targetOf(raw.url ?? '')
    const outbound = { method, path, headers, body }
    // Alone on its connection: one that is kept may be closing just now, and nothing here is sent twice.
    lease.upstream.dispatchAlone(outbound, passage)
  }

  /** Notes what the backend did instead of answering; returns it as the client may hear it. */
  fail(error: unknown): GatehouseError {
    const known = upstreamError(error, this.#exchange.destination.backend)
    this.#failure = known
    return known
  }

  /** Ends a reply that its backend broke off; one that ends with its connection would look complete. */
  breakOff(): void {
    const { raw } = this.#exchange.reply
    if (!raw.chunkedEncoding && !raw.hasHeader('content-length')) this.#exchange.answer.breakOff()
  }

  /** A backend that is taken out of the configuration sends its waiters to the one that has its name now. */
  async #enter(name: string): Promise<void> {
    const { request } = this.#exchange
    if (normalisePath(request.raw.url ?? '') === undefined) {
      throw new GatehouseError('GATEHOUSE_BAD_PATH')
    }
    for (;;) {
      try {
        this.#lease = await this.#ask(name)
        this.#exchange.lease = this.#lease
        return
      } catch (error) {
        if (!hasCode(error, 'GATEHOUSE_RETIRED')) throw error
      }
    }
  }

  async #ask(name: string): Promise<Lease> {
    const exchange = this.#exchange
    const backend = this.#parts.pool.get(name)
    if (!backend) throw new GatehouseError('GATEHOUSE_NO_ROUTE')
    const { serves, bodies, dialect } = backend.config
    if (dialect === 'koboldcpp') refuseAdministration(exchange.request)
    exchange.destination = { backend: name, workload: serves[0] ?? 'other', route: 'raw-door' }
    if (bodies === 'buffer') await exchange.readBody(this.#parts.body)
    const { client, gone: signal } = exchange
    return await backend.lease({ client, signal, wake: true, lane: false, onlyIdle: false })
  }

  #end(): void {
    this.#endWatch()
    this.#lease?.end()
    const { recorder } = this.#parts
    const forwarded = this.#passage?.forwarded
    if (forwarded) this.#exchange.answered(forwarded, recorder)
    else this.#exchange.failed(this.#failure ?? this.#exchange.gone.reason, recorder)
  }
}

/** What is never passed on to a KoboldCpp is not by this door either. */
function refuseAdministration({ raw }: FastifyRequest): void {
  const { method = 'GET', url = '', headers } = raw
  const path = normalisePath(targetOf(url)) ?? '/'
  const { gateway } = findRow({ method, path, headers }).to
  if (gateway === 'admin' || gateway === 'shutdown') throw new GatehouseError('GATEHOUSE_NO_ROUTE')
}

/** Path and query behind the door, byte for byte. */
function targetOf(url: string): string {
  const [, path = '', query = ''] = TARGET.exec(url) ?? []
  return (path || '/') + query
}

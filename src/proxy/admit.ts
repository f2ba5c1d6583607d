import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Backend } from '../backends/backend.js'
import type { Lease } from '../backends/lease.js'
import type { Pool } from '../backends/pool.js'
import { GatehouseError, hasCode } from '../errors.js'
import type { Match, Matcher } from '../routing/match.js'
import { modelOf } from '../routing/model-of.js'
import { normalisePath } from '../routing/normalise-path.js'
import type { Picker } from '../routing/pick.js'
import { upstreamPath } from '../routing/upstream-path.js'
import { hasBody, readBody } from './body.js'
import { Exchange } from './exchange.js'
import type { Face, OwnAnswer } from './face.js'
import { forward, type Outbound } from './forward.js'
import { lineValue, requestLines } from './headers.js'
import type { ExchangeRecorder } from './recorder.js'

export interface AdmitParts {
  readonly matcher: Matcher
  readonly picker: Picker
  readonly pool: Pool
  readonly face: Face
  readonly recorder: ExchangeRecorder
  readonly bufferBytes: number
  /** Whether the X-Forwarded-* lines of a peer with this address are believed. */
  readonly trusts: (address: string) => boolean
}

/** A request on its way down: what is known of it so far. */
interface Call {
  readonly path: string
  readonly match: Match
  readonly model: string | undefined
  readonly body: Buffer | undefined
}

/** The line: match the route, pick the backend, lease it, forward, stream back; then the lease ends. */
export class Admission {
  readonly #parts: AdmitParts

  constructor(parts: AdmitParts) {
    this.#parts = parts
  }

  /** Serves one request. Rejects with a GatehouseError while nothing of an answer was written. */
  async admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const exchange = new Exchange(request, reply)
    try {
      await this.#serve(exchange, await this.#match(exchange))
    } catch (error) {
      exchange.failed(error, this.#parts.recorder)
      throw error
    }
  }

  /** The body is read first only where its `model` decides. */
  async #match(exchange: Exchange): Promise<Call> {
    const { raw } = exchange.request
    const path = normalisePath(raw.url ?? '')
    if (path === undefined) throw new GatehouseError('GATEHOUSE_BAD_PATH')
    const call = { method: raw.method ?? 'GET', path, headers: raw.headers }
    const { matcher, picker } = this.#parts
    const early = matcher.needsModel(call) ? undefined : matcher.match(call)
    if (early && !picker.needsModel(early)) {
      return { path, match: early, model: undefined, body: undefined }
    }
    const body = await this.#read(exchange)
    const model = modelOf(body, lineValue(raw.rawHeaders, 'content-type'))
    return { path, match: early ?? matcher.match({ ...call, model }), model, body }
  }

  async #serve(exchange: Exchange, call: Call): Promise<void> {
    const answer = this.#ownAnswer(call.match)
    if (answer) return send(exchange.reply, answer)
    const backend = this.#pick(exchange, call)
    const body = await this.#bodyFor(backend, exchange, call)
    try {
      exchange.lease = await backend.lease(this.#ask(exchange, call))
    } catch (error) {
      const standIn = this.#standIn(error, call.match)
      if (standIn) return send(exchange.reply, standIn)
      throw error
    }
    await this.#forward(exchange, exchange.lease, this.#outbound(exchange, call, body))
  }

  /** A backend that a route names outright speaks for itself, but no KoboldCpp is ever handed administration. */
  #ownAnswer(match: Match): OwnAnswer | undefined {
    const { gateway } = match.row.to
    if (gateway === undefined) return undefined
    const named =
      match.to.backend === undefined ? undefined : this.#parts.pool.get(match.to.backend)
    const guarded = gateway === 'admin' || gateway === 'shutdown'
    if (named && !(guarded && named.config.dialect === 'koboldcpp')) return undefined
    return this.#parts.face.answer(match)
  }

  #pick(exchange: Exchange, { match, model }: Call): Backend {
    const { backend: name, workload } = this.#parts.picker.pick(match, model)
    const backend = name === undefined ? undefined : this.#parts.pool.get(name)
    if (!backend) {
      if (match.row.fallback) throw new GatehouseError('GATEHOUSE_NO_ROUTE')
      throw new GatehouseError('GATEHOUSE_NOT_SERVED', { values: { workload: String(workload) } })
    }
    const route = match.route?.path ?? match.row.id
    exchange.destination = { backend: backend.config.name, workload: workload ?? 'other', route }
    return backend
  }

  async #bodyFor(backend: Backend, exchange: Exchange, call: Call): Promise<Buffer | undefined> {
    if (call.body) return call.body
    return backend.config.bodies === 'stream' ? undefined : this.#read(exchange)
  }

  async #read(exchange: Exchange): Promise<Buffer> {
    const { raw } = exchange.request
    const body = await readBody(raw, this.#parts.bufferBytes, exchange.gone)
    exchange.requestBytes = body.length
    return body
  }

  #ask(exchange: Exchange, { match }: Call) {
    const { wake, lane, idleOnly } = match
    return { client: exchange.client, signal: exchange.gone, wake, lane, onlyIdle: idleOnly }
  }

  /** A backend that is down, and that this call may not start, is spoken for where the face can. */
  #standIn(error: unknown, match: Match): OwnAnswer | undefined {
    const down = hasCode(error, 'GATEHOUSE_NOT_RUNNING') || hasCode(error, 'GATEHOUSE_BUSY')
    if (!down) return undefined
    if (match.row.fallback) throw new GatehouseError('GATEHOUSE_NO_ROUTE', { cause: error })
    return match.to.backend === undefined ? this.#parts.face.standIn(match) : undefined
  }

  #outbound(exchange: Exchange, call: Call, body: Buffer | undefined): Outbound {
    const { raw } = exchange.request
    const address = raw.socket.remoteAddress ?? ''
    const lines = requestLines(raw.rawHeaders, { address, trusted: this.#parts.trusts(address) })
    const length = raw.headers['content-length']
    if (!body && length !== undefined) lines.push('content-length', length)
    const { config, dialect } = exchange.lease as Lease
    const path =
      dialect.rewrites.get(call.path) ?? upstreamPath(raw.url ?? '/', call.path, call.match)
    return {
      method: raw.method ?? 'GET',
      path: config.address.basePath + path,
      lines,
      body: body ?? (hasBody(raw) ? raw : null),
    }
  }

  async #forward(exchange: Exchange, lease: Lease, outbound: Outbound): Promise<void> {
    const { recorder } = this.#parts
    const { backend, workload } = exchange.destination
    try {
      const forwarded = await forward(lease, outbound, {
        raw: exchange.reply.raw,
        gone: exchange.gone,
        takeOver: () => exchange.reply.hijack(),
        onEventGap: (gapMs) => recorder.eventGap(backend, workload, gapMs),
      })
      lease.end()
      await exchange.closed()
      exchange.answered(forwarded, recorder)
    } finally {
      lease.end()
    }
  }
}

function send(reply: FastifyReply, answer: OwnAnswer): void {
  void reply.status(answer.status).headers(answer.headers).send(answer.body)
}

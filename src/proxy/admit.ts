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

interface Leased {
  readonly lease: Lease
  /** Undefined: it is passed on as it comes. */
  readonly body: Buffer | undefined
}

const DOWN = ['GATEHOUSE_NOT_RUNNING', 'GATEHOUSE_BUSY', 'GATEHOUSE_NOT_SERVED'] as const

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
    const own = this.#ownAnswer(call.match)
    if (own) return send(exchange.reply, own)
    const leased = await this.#lease(exchange, call).catch((error: unknown) => {
      const standIn = this.#standIn(error, call.match)
      if (standIn) return standIn
      throw asSeen(error, call.match)
    })
    if ('status' in leased) return send(exchange.reply, leased)
    await this.#forward(exchange, call, leased)
  }

  /** The body is read before the lease is asked for: nobody waits behind a slow upload. */
  async #lease(exchange: Exchange, call: Call): Promise<Leased> {
    const backend = this.#pick(exchange, call)
    const body = await this.#bodyFor(backend, exchange, call)
    const { wake, lane, idleOnly: onlyIdle } = call.match
    const ask = { client: exchange.client, signal: exchange.gone, wake, lane, onlyIdle }
    exchange.lease = await backend.lease(ask)
    return { lease: exchange.lease, body }
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

  /** What is known of a backend that is down, and that this call may not start. */
  #standIn(error: unknown, match: Match): OwnAnswer | undefined {
    if (!isDown(error) || match.to.backend !== undefined) return undefined
    return this.#parts.face.standIn(match)
  }

  async #forward(exchange: Exchange, call: Call, { lease, body }: Leased): Promise<void> {
    const { recorder } = this.#parts
    const { backend, workload } = exchange.destination
    try {
      const forwarded = await forward(lease, this.#outbound(exchange, call, { lease, body }), {
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

  #outbound(exchange: Exchange, { path, match }: Call, { lease, body }: Leased): Outbound {
    const { raw } = exchange.request
    const address = raw.socket.remoteAddress ?? ''
    const lines = requestLines(raw.rawHeaders, { address, trusted: this.#parts.trusts(address) })
    const length = raw.headers['content-length']
    if (!body && length !== undefined) lines.push('content-length', length)
    const target = lease.dialect.rewrites.get(path) ?? upstreamPath(raw.url ?? '/', path, match)
    return {
      method: raw.method ?? 'GET',
      path: lease.config.address.basePath + target,
      lines,
      body: body ?? (hasBody(raw) ? raw : null),
    }
  }
}

function isDown(error: unknown): boolean {
  return DOWN.some((code) => hasCode(error, code))
}

/** To a client, a path that nobody knows is not there, whatever the backend is doing that might have known it. */
function asSeen(error: unknown, { row }: Match): unknown {
  if (!isDown(error) || !row.fallback) return error
  return new GatehouseError('GATEHOUSE_NO_ROUTE', { cause: error })
}

function send(reply: FastifyReply, answer: OwnAnswer): void {
  void reply.status(answer.status).headers(answer.headers).send(answer.body)
}

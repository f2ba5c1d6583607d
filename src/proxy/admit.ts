import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Backend } from '../backends/backend.js'
import type { Lease } from '../backends/lease.js'
import type { Pool } from '../backends/pool.js'
import { normalisePath } from '../config/normalise-path.js'
import { GatehouseError, hasCode } from '../errors.js'
import type { Match, Matcher } from '../routing/match.js'
import { modelOf } from '../routing/model-of.js'
import { isOwnPath } from '../routing/own-paths.js'
import type { Picker, PickResult } from '../routing/pick.js'
import { upstreamPath } from '../routing/upstream-path.js'
import { hasBody, readBody } from './body.js'
import { Exchange, NOWHERE } from './exchange.js'
import type { Face, OwnAnswer } from './face.js'
import { forward, type Outbound } from './forward.js'
import { lineValue, requestLines } from './headers.js'
import type { ExchangeRecorder } from './recorder.js'

/** What decides where a request goes; replaced as a whole when routes.json changes. */
export interface Routing {
  readonly matcher: Matcher
  readonly picker: Picker
  readonly face: Face
}

export interface AdmitParts {
  readonly routing: () => Routing
  readonly pool: Pool
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
      await this.#admit(exchange)
    } catch (error) {
      exchange.failed(error, this.#parts.recorder)
      throw error
    }
  }

  /** A backend that is taken out of the configuration sends its waiters back here, to go where they go now. */
  async #admit(exchange: Exchange): Promise<void> {
    for (;;) {
      const routing = this.#parts.routing()
      try {
        return await this.#serve(exchange, routing, await this.#match(exchange, routing))
      } catch (error) {
        if (!hasCode(error, 'GATEHOUSE_RETIRED')) throw error
      }
    }
  }

  /** The body is read first only where its `model` decides. */
  async #match(exchange: Exchange, { matcher, picker }: Routing): Promise<Call> {
    const { raw } = exchange.request
    const path = normalisePath(raw.url ?? '')
    if (path === undefined) throw new GatehouseError('GATEHOUSE_BAD_PATH')
    if (isOwnPath(path)) throw new GatehouseError('GATEHOUSE_NO_ROUTE')
    const call = { method: raw.method ?? 'GET', path, headers: raw.headers }
    const early = matcher.needsModel(call) ? undefined : matcher.match(call)
    if (early && !picker.needsModel(early)) return { path, match: early, model: undefined }
    const body = await this.#read(exchange)
    const model = modelOf(body, lineValue(raw.rawHeaders, 'content-type'))
    return { path, match: early ?? matcher.match({ ...call, model }), model }
  }

  async #serve(exchange: Exchange, { face, picker }: Routing, call: Call): Promise<void> {
    const { match, model } = call
    const own = this.#ownAnswer(match, face)
    if (own) return this.#send(exchange, own)
    try {
      await this.#lease(exchange, picker.pick(match, model), match)
    } catch (error) {
      const standIn = isDown(error) && match.to.backend === undefined && face.standIn(match)
      if (standIn) return this.#send(exchange, standIn)
      if (!isDown(error) || !match.row.fallback) throw error
      // To a client, a path that nobody knows is not there, whatever the backend does that might have known it.
      exchange.destination = NOWHERE
      throw new GatehouseError('GATEHOUSE_NO_ROUTE', { cause: error })
    }
    await this.#forward(exchange, call)
  }

  /** The body is read before the lease is asked for: nobody waits behind a slow upload. */
  async #lease(exchange: Exchange, picked: PickResult, match: Match): Promise<void> {
    const backend = this.#find(picked)
    exchange.destination = {
      backend: backend.config.name,
      workload: picked.workload ?? 'other',
      route: match.route?.path ?? match.row.id,
    }
    if (backend.config.bodies === 'buffer') await this.#read(exchange)
    const { wake, lane, idleOnly: onlyIdle } = match
    const ask = { client: exchange.client, signal: exchange.gone, wake, lane, onlyIdle }
    exchange.lease = await backend.lease(ask)
  }

  /** A backend that a route names outright speaks for itself, but no KoboldCpp is ever handed administration. */
  #ownAnswer(match: Match, face: Face): OwnAnswer | undefined {
    const { gateway } = match.row.to
    if (gateway === undefined) return undefined
    const named =
      match.to.backend === undefined ? undefined : this.#parts.pool.get(match.to.backend)
    const guarded = gateway === 'admin' || gateway === 'shutdown'
    if (named && !(guarded && named.config.dialect === 'koboldcpp')) return undefined
    return face.answer(match)
  }

  #find({ backend: name, workload }: PickResult): Backend {
    if (name === undefined) {
      throw new GatehouseError('GATEHOUSE_NOT_SERVED', { values: { workload: String(workload) } })
    }
    const backend = this.#parts.pool.get(name)
    if (backend) return backend
    throw new GatehouseError('GATEHOUSE_RETIRED', { values: { backend: name } }) // while the body was read
  }

  async #read(exchange: Exchange): Promise<Buffer> {
    const { raw } = exchange.request
    exchange.body ??= await readBody(raw, this.#parts.bufferBytes, exchange.gone)
    return exchange.body
  }

  async #send(exchange: Exchange, answer: OwnAnswer): Promise<void> {
    exchange.destination = NOWHERE
    void exchange.reply.status(answer.status).headers(answer.headers).send(answer.body)
    await exchange.closed()
    exchange.answeredItself(this.#parts.recorder)
  }

  async #forward(exchange: Exchange, call: Call): Promise<void> {
    const { recorder } = this.#parts
    const { backend, workload } = exchange.destination
    const lease = exchange.lease as Lease
    try {
      const forwarded = await forward(lease, this.#outbound(exchange, call, lease), {
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

  #outbound({ request: { raw }, body }: Exchange, { path, match }: Call, lease: Lease): Outbound {
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

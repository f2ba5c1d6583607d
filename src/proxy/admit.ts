import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { within } from '../abortable.js'
import type { Backend } from '../backends/backend.js'
import type { Lease } from '../backends/lease.js'
import type { Pool } from '../backends/pool.js'
import { normalisePath } from '../config/normalise-path.js'
import { dialectOf } from '../dialects/dialect-of.js'
import { GatehouseError, hasCode } from '../errors.js'
import type { Match, Matcher } from '../routing/match.js'
import { modelOf } from '../routing/model-of.js'
import { isOwnPath } from '../routing/own-paths.js'
import type { Picker, PickResult } from '../routing/pick.js'
import { Backlog } from './backlog.js'
import { type BodyLimits, hasBody, readBody } from './body.js'
import { Exchange, NOWHERE } from './exchange.js'
import type { Face, OwnAnswer } from './face.js'
import { forward, type Inbound } from './forward.js'
import { lineValue } from './headers.js'
import { Heartbeats } from './heartbeats.js'
import { type Call, isWork, outboundOf } from './outbound.js'
import { type Voice, waitingOf } from './patience.js'
import type { ExchangeRecorder } from './recorder.js'
import { streamFormat } from './stream-format.js'
import { watchStreamedBody } from './streamed-body.js'
import type { WebSocketOffer } from './upgrade.js'
import { isClosed, isUnreachable } from './upstream-error.js'

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
  readonly body: BodyLimits
  readonly heartbeatMs: number
  readonly voice: Voice
  /** The requests that offer to go on as a WebSocket. */
  readonly offers: WeakMap<IncomingMessage, WebSocketOffer>
  /** Whether the X-Forwarded-* lines of a peer with this address are believed. */
  readonly trusts: (address: string) => boolean
}

/** A backend that ends breaks its connections first, and its end is told a little later. */
const END_SHOWS_MS = 500
const DOWN = ['GATEHOUSE_NOT_RUNNING', 'GATEHOUSE_BUSY', 'GATEHOUSE_NOT_SERVED'] as const

/** The line: match the route, pick the backend, lease it, forward, stream back; then the lease ends. */
export class Admission {
  readonly #parts: AdmitParts
  readonly #heartbeats: Heartbeats
  readonly #backlog = new Backlog()
  readonly #open = new Set<Exchange>()
  #isStopping = false

  constructor(parts: AdmitParts) {
    this.#parts = parts
    this.#heartbeats = new Heartbeats(parts.heartbeatMs)
  }

  /** Serves one request. Rejects with a GatehouseError while nothing of an answer was written. */
  async admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const exchange = new Exchange(request, reply, this.#parts.offers.get(request.raw))
    if (this.#isStopping) exchange.closeAfterwards()
    this.#open.add(exchange)
    try {
      await this.#admit(exchange)
    } catch (error) {
      exchange.failed(error, this.#parts.recorder)
      if (!exchange.answer.isHeld) throw error
      exchange.answer.fail(asGatehouseError(error))
    } finally {
      this.#heartbeats.end(exchange.answer)
      this.#open.delete(exchange)
    }
  }

  /** Lets the replies under way end, each connection with its last one; after `ms` milliseconds breaks them off. */
  async drain(ms: number): Promise<void> {
    this.#isStopping = true
    for (const exchange of this.#open) exchange.closeAfterwards()
    await within(
      ms,
      Promise.all([...this.#open].map((exchange) => exchange.closed())).then(() => {}),
    )
    for (const exchange of this.#open) exchange.breakOff()
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
    const own = this.#ownAnswer(match, { face, picker })
    if (own) return this.#send(exchange, own)
    try {
      await this.#sendToBackend(exchange, call, picker.pick(match, model))
    } catch (error) {
      const standIn = isDown(error) && match.to.backend === undefined && face.standIn(match)
      if (standIn) return this.#send(exchange, standIn)
      if (!isDown(error) || !match.row.fallback) throw error
      // To a client, a path that nobody knows is not there, whatever the backend does that might have known it.
      exchange.destination = NOWHERE
      throw new GatehouseError('GATEHOUSE_NO_ROUTE', { cause: error })
    }
  }

  /** Once more if the backend ended before it answered: the client then has a slow answer, not an error. */
  async #sendToBackend(exchange: Exchange, call: Call, picked: PickResult): Promise<void> {
    for (;;) {
      await this.#lease(exchange, picked, call.match)
      try {
        return await this.#forward(exchange, call)
      } catch (error) {
        if (exchange.replays > 0 || !(await this.#mayReplay(exchange, call.match, error)))
          throw error
        exchange.replays += 1
      }
    }
  }

  /** Only work, which a backend has lost with its life, and whose body is still here. */
  async #mayReplay(
    { gone, body, request, lease }: Exchange,
    match: Match,
    error: unknown,
  ): Promise<boolean> {
    const { cause } = error as Error
    if (!isWork(match) || gone.aborted || (!body && hasBody(request.raw))) return false
    if (!isClosed(cause) && !isUnreachable(cause)) return false
    return (await (lease as Lease).endedWithin(END_SHOWS_MS)) && !gone.aborted
  }

  /** The body is read before the lease is asked for: nobody waits behind a slow upload. */
  async #lease(exchange: Exchange, picked: PickResult, match: Match): Promise<void> {
    const backend = this.#find(picked)
    exchange.destination = {
      backend: backend.config.name,
      workload: picked.workload ?? 'other',
      route: match.route?.path ?? match.row.id,
    }
    const bodies = match.route?.bodies ?? backend.config.bodies
    if (bodies === 'buffer') await this.#read(exchange)
    this.#keepWaiting(exchange, match, backend)
    const { wake, lane, idleOnly: onlyIdle } = match
    const ask = { client: exchange.client, signal: exchange.gone, wake, lane, onlyIdle }
    exchange.lease = await backend.lease(ask)
  }

  #keepWaiting(exchange: Exchange, match: Match, { config: backend }: Backend): void {
    if (!match.lane || exchange.offer || backend.heartbeat === 'off') return
    const { voice } = this.#parts
    this.#heartbeats.begin(exchange.answer, () => waitingOf(exchange, match, { backend, voice }))
  }

  /** A backend that a route names outright speaks for itself, but no KoboldCpp is ever handed administration. */
  #ownAnswer(
    match: Match,
    { face, picker }: Pick<Routing, 'face' | 'picker'>,
  ): OwnAnswer | undefined {
    const { gateway } = match.row.to
    if (match.row.upgrade) {
      return this.#hasWebSockets(picker.pick(match)) ? undefined : face.answer(match)
    }
    if (gateway === undefined) return undefined
    const named =
      match.to.backend === undefined ? undefined : this.#parts.pool.get(match.to.backend)
    const guarded = gateway === 'admin' || gateway === 'shutdown'
    if (named && !(guarded && named.config.dialect === 'koboldcpp')) return undefined
    return face.answer(match)
  }

  /** KoboldCpp has but a false one, which spoils a thread of its server (kobold-wire, gotcha 8). */
  #hasWebSockets({ backend: name = '' }: PickResult): boolean {
    const backend = this.#parts.pool.get(name)
    return backend !== undefined && dialectOf(backend.config.dialect).webSockets !== 'none'
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
    exchange.body ??= await readBody(raw, this.#parts.body, exchange.gone)
    return exchange.body
  }

  async #send(exchange: Exchange, answer: OwnAnswer): Promise<void> {
    exchange.destination = NOWHERE
    void exchange.reply.status(answer.status).headers(answer.headers).send(answer.body)
    await exchange.closed()
    exchange.answeredItself(this.#parts.recorder)
  }

  async #forward(exchange: Exchange, call: Call): Promise<void> {
    const { recorder, body: limits } = this.#parts
    const { raw } = exchange.request
    const lease = exchange.lease as Lease
    const isStreamed = !exchange.body && hasBody(raw)
    const endWatch = isStreamed ? watchStreamedBody(raw, limits, exchange.gone) : undefined
    try {
      const trusted = this.#parts.trusts(raw.socket.remoteAddress ?? '')
      const outbound = outboundOf(exchange, call, trusted)
      const forwarded = await forward(lease, outbound, this.#inbound(exchange, call.match, lease))
      lease.end()
      await exchange.closed()
      exchange.answered(forwarded, recorder)
    } finally {
      endWatch?.()
      lease.end()
    }
  }

  #inbound(exchange: Exchange, match: Match, { origin, config }: Lease): Inbound {
    const { recorder, voice } = this.#parts
    const { answer, request, gone, destination } = exchange
    return {
      answer,
      gone,
      requestId: request.id,
      mount: { origin, basePath: config.address.basePath, prefix: match.cutPrefix },
      format: streamFormat(match.row.id),
      backlog: this.#backlog,
      errorBody: (error) => voice.errorBody(error, match.caller),
      onEventGap: (gapMs) => recorder.eventGap(destination.backend, destination.workload, gapMs),
    }
  }
}

function isDown(error: unknown): boolean {
  return DOWN.some((code) => hasCode(error, code))
}

function asGatehouseError(error: unknown): GatehouseError {
  return error instanceof GatehouseError ? error : new GatehouseError('GATEHOUSE_INTERNAL')
}

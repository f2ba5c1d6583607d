import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { within } from '../abortable.js'
import { normalisePath } from '../config/normalise-path.js'
import { dialectOf } from '../dialects/dialect-of.js'
import { asGatehouseError, type ErrorCode, GatehouseError, hasCode } from '../errors.js'
import type { Face, FaceCall, Own, OwnAnswer, OwnSocket } from '../routing/face.js'
import { jsonIsTrue } from '../routing/json-member.js'
import type { Matcher } from '../routing/match.js'
import { modelOf } from '../routing/model-of.js'
import { isOwnPath } from '../routing/own-paths.js'
import type { Picker, PickResult } from '../routing/pick.js'
import { abortedAnswer } from './aborted.js'
import { Exchange, NOWHERE } from './exchange.js'
import { lineValue } from './headers.js'
import type { Call } from './outbound.js'
import { Owners } from './owners.js'
import { Roster } from './roster.js'
import { Sending, type SendingParts } from './sending.js'
import type { WebSocketOffer } from './upgrade.js'

/** What decides where a request goes; replaced as a whole when routes.json changes. */
export interface Routing {
  readonly matcher: Matcher
  readonly picker: Picker
  readonly face: Face
}

export interface AdmitParts extends SendingParts {
  readonly routing: () => Routing
  /** The requests that offer to go on as a WebSocket. */
  readonly offers: WeakMap<IncomingMessage, WebSocketOffer>
}

/** What no KoboldCpp is handed as it came: administration, and what could end or read another client's work. */
const GUARDED: ReadonlySet<string> = new Set(['admin', 'shutdown', 'running', 'image-missing'])
/** More than any call of the face's own needs, and little enough to be parsed at once. */
const FACE_BYTES = 4 * 1024 * 1024
const DOWN = ['GATEHOUSE_NOT_RUNNING', 'GATEHOUSE_BUSY', 'GATEHOUSE_NOT_SERVED'] as const
/** What somebody else runs is looked at even for a call that starts nothing, and may not be there. */
const NOT_THERE = [...DOWN, 'GATEHOUSE_START_FAILED', 'GATEHOUSE_UNREACHABLE'] as const

/** The line: match the route, pick the backend, lease it, forward, stream back; then the lease ends. */
export class Admission {
  readonly #parts: AdmitParts
  readonly #sending: Sending
  readonly #owners: Owners
  readonly #open = new Roster<Exchange>()
  #isStopping = false

  constructor(parts: AdmitParts) {
    this.#parts = parts
    this.#sending = new Sending(parts)
    const { runs, pool, voice } = parts
    this.#owners = new Owners({ runs, pool, headers: voice.headers })
  }

  /** Serves one request. Rejects with a GatehouseError while nothing of an answer was written. */
  async admit(request: FastifyRequest, reply: FastifyReply, known?: Call): Promise<void> {
    const exchange = new Exchange(request, reply, this.#parts.offers.get(request.raw))
    if (this.#isStopping) exchange.closeAfterwards()
    this.#open.join(exchange)
    try {
      await this.#admit(exchange, known)
    } catch (error) {
      exchange.failed(error, this.#parts.recorder)
      if (!exchange.answer.isHeld) throw error
      exchange.answer.fail(asGatehouseError(error))
    } finally {
      this.#sending.forget(exchange)
      this.#open.leave(exchange)
    }
  }

  /** Lets the replies under way end, each connection with its last one; after `ms` milliseconds breaks them off. */
  async drain(ms: number): Promise<void> {
    this.#isStopping = true
    for (const exchange of this.#open.all()) exchange.closeAfterwards()
    await within(
      ms,
      Promise.all(this.#open.all().map((exchange) => exchange.closed())).then(() => {}),
    )
    for (const exchange of this.#open.all()) exchange.breakOff()
  }

  /** A backend that is taken out of the configuration sends its waiters back here, to go where they go now. */
  async #admit(exchange: Exchange, known?: Call): Promise<void> {
    for (;;) {
      const routing = this.#parts.routing()
      try {
        const call = known ?? (await this.#match(exchange, routing))
        return await this.#serve(exchange, routing, call)
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
    const body = await exchange.readBody(this.#parts.body)
    const model = modelOf(body, lineValue(raw.rawHeaders, 'content-type'), raw.url)
    return { path, match: early ?? matcher.match({ ...call, model }), model }
  }

  async #serve(exchange: Exchange, { face, picker }: Routing, call: Call): Promise<void> {
    const { match, model } = call
    const own = this.#isOwn(call, picker) && (await this.#own(exchange, face, call))
    if (own) return this.#send(exchange, own)
    try {
      await this.#sending.send(exchange, call, picker.pick(match, model))
    } catch (error) {
      const instead = await this.#instead(error, exchange, { face, call })
      if (instead && !exchange.answer.isHeld) return this.#send(exchange, instead)
      if (!isDown(error) || !match.row.fallback) throw error
      // To a client, a path that nobody knows is not there, whatever the backend does that might have known it.
      exchange.destination = NOWHERE
      throw new GatehouseError('GATEHOUSE_NO_ROUTE', { cause: error })
    }
  }

  /** Undefined: its backend is to answer. */
  #own(exchange: Exchange, face: Face, call: Call): ReturnType<Face['answer']> {
    const asked = this.#faceCall(exchange, call)
    const isOfRun = call.match.row.to.gateway === 'running'
    return isOfRun ? this.#owners.answer(asked) : face.answer(asked)
  }

  /** The answer to a client that has aborted its own request, or about a backend that is not there. */
  #instead(
    error: unknown,
    exchange: Exchange,
    { face, call }: { face: Face; call: Call },
  ): ReturnType<Face['standIn']> {
    if (hasCode(error, 'GATEHOUSE_ABORTED')) return this.#aborted(exchange, call)
    const { to, row } = call.match
    // What a route names speaks for itself, but a browser's preflight must not hinder the call that would start it.
    const speaks = to.backend !== undefined && row.to.gateway !== 'preflight'
    if (speaks || !isDown(error, NOT_THERE)) return undefined
    return face.standIn(this.#faceCall(exchange, call))
  }

  /** Its own client aborted it while it waited: it has the answer that it would have from a KoboldCpp. */
  #aborted({ body, destination }: Exchange, { match }: Call): OwnAnswer | undefined {
    if (destination.workload !== 'text') return undefined
    const streams = body !== undefined && jsonIsTrue(body, 'stream')
    const answer = abortedAnswer(match.row.id, streams)
    if (!answer) return undefined
    const headers = { ...this.#parts.voice.headers, 'content-type': answer.contentType }
    return { status: 200, headers, body: answer.body }
  }

  /** A backend that a route names outright speaks for itself, but no KoboldCpp is ever handed administration. */
  #isOwn({ match }: Call, picker: Picker): boolean {
    const { gateway } = match.row.to
    if (match.row.upgrade) return !this.#hasWebSockets(picker.pick(match))
    if (gateway === undefined) return false
    const named =
      match.to.backend === undefined ? undefined : this.#parts.pool.get(match.to.backend)
    const guarded = GUARDED.has(gateway)
    return !named || (guarded && named.config.dialect === 'koboldcpp')
  }

  #faceCall(exchange: Exchange, { match, path, model }: Call): FaceCall {
    const { body: limits } = this.#parts
    const { method = 'GET', url = '' } = exchange.request.raw
    const query = url.indexOf('?')
    return {
      ...{ match, method, path, model, client: exchange.client },
      query: query < 0 ? '' : url.slice(query + 1),
      cancelWaiting: (workload) => this.#parts.runs.cancelWaiting(exchange.client, workload),
      body: (bytes = FACE_BYTES) =>
        exchange.readBody({ ...limits, bytes: Math.min(bytes, limits.bytes) }),
    }
  }

  /** KoboldCpp has but a false one, which spoils a thread of its server (kobold-wire, gotcha 8). */
  #hasWebSockets({ backend: name = '' }: PickResult): boolean {
    const backend = this.#parts.pool.get(name)
    return backend !== undefined && dialectOf(backend.config.dialect).webSockets !== 'none'
  }

  async #send(exchange: Exchange, answer: Own): Promise<void> {
    this.#sending.forget(exchange)
    exchange.destination = NOWHERE
    if ('accept' in answer) return this.#accept(exchange, answer)
    void exchange.reply.status(answer.status).headers(answer.headers).send(answer.body)
    await exchange.closed()
    exchange.answeredItself(this.#parts.recorder)
  }

  /** Only a whole handshake is an offer that can be accepted. */
  async #accept(exchange: Exchange, { accept }: OwnSocket): Promise<void> {
    if (!exchange.offer) throw new GatehouseError('GATEHOUSE_NO_ROUTE')
    exchange.answer.becomeTunnel()
    accept(exchange.offer.take())
    await exchange.closed()
    exchange.answeredItself(this.#parts.recorder)
  }
}

function isDown(error: unknown, codes: readonly ErrorCode[] = DOWN): boolean {
  return codes.some((code) => hasCode(error, code))
}

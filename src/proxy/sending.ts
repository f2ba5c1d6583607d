import type { Backend } from '../backends/backend.js'
import type { Lease } from '../backends/lease.js'
import type { Pool } from '../backends/pool.js'
import { GatehouseError, hasCode } from '../errors.js'
import { jsonText } from '../routing/json-member.js'
import type { Match } from '../routing/match.js'
import type { PickResult } from '../routing/pick.js'
import { Backlog } from './backlog.js'
import { type BodyLimits, hasBody } from './body.js'
import type { Exchange } from './exchange.js'
import { forward, type Inbound } from './forward.js'
import { Heartbeats } from './heartbeats.js'
import { type Call, isWork, outboundOf, type Trusts } from './outbound.js'
import { type Voice, waitingOf } from './patience.js'
import type { ExchangeRecorder } from './recorder.js'
import type { Run, Runs } from './runs.js'
import { streamFormat } from './stream-format.js'
import { watchStreamedBody } from './streamed-body.js'
import { isClosed, isUnreachable } from './upstream-error.js'

export interface SendingParts {
  readonly pool: Pool
  readonly recorder: ExchangeRecorder
  readonly runs: Runs
  readonly body: BodyLimits
  readonly heartbeatMs: number
  readonly voice: Voice
  readonly trusts: Trusts
}

/** A backend that ends breaks its connections first; its end is told once its memory is given back. */
const END_SHOWS_MS = 2_000

/** The lower half of the line: lease a backend, forward the request, stream the answer back; then the lease ends. */
export class Sending {
  readonly #parts: SendingParts
  readonly #heartbeats: Heartbeats
  readonly #backlog = new Backlog()

  constructor(parts: SendingParts) {
    this.#parts = parts
    this.#heartbeats = new Heartbeats(parts.heartbeatMs)
  }

  /**
   * Resolves when the reply is over; rejects with a GatehouseError while nothing of an answer was written.
   * Once more if the backend ended before it answered: the client then has a slow answer, not an
   * error.
   */
  async send(exchange: Exchange, call: Call, picked: PickResult): Promise<void> {
    try {
      await this.#send(exchange, call, picked)
    } finally {
      if (exchange.run) this.#parts.runs.end(exchange.run)
    }
  }

  async #send(exchange: Exchange, call: Call, picked: PickResult): Promise<void> {
    for (;;) {
      await this.#lease(exchange, picked, call.match)
      try {
        return await this.#forward(exchange, call)
      } catch (error) {
        if (exchange.run) exchange.run.lease = undefined // an abort now finds it waiting
        const mayReplay = await this.#mayReplay(exchange, call.match, error)
        if (exchange.replays > 0 || !mayReplay) throw this.#abortedOr(exchange, error)
        exchange.replays += 1
      }
    }
  }

  /** Its client aborted it while it was not clear whether it would be sent again. */
  #abortedOr({ gone }: Exchange, error: unknown): unknown {
    return hasCode(gone.reason, 'GATEHOUSE_ABORTED') ? gone.reason : error
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
    if (bodies === 'buffer') await exchange.readBody(this.#parts.body)
    if (isWork(match)) exchange.run ??= this.#begin(exchange, picked)
    this.#keepWaiting(exchange, match, backend)
    const { wake, lane, idleOnly: onlyIdle } = match
    const { client, gone: signal } = exchange
    const ask = { client, signal, asker: exchange, wake, lane, onlyIdle }
    exchange.lease = await backend.lease(ask)
    if (exchange.run) exchange.run.lease = exchange.lease
  }

  #begin(exchange: Exchange, { workload }: PickResult): Run {
    const isText = workload === 'text' && exchange.body !== undefined
    const clientKey = isText && exchange.body ? jsonText(exchange.body, 'genkey') : undefined
    return this.#parts.runs.begin(exchange, workload, clientKey ?? '')
  }

  #keepWaiting(exchange: Exchange, match: Match, { config: backend }: Backend): void {
    if (!match.lane || exchange.offer || backend.heartbeat === 'off') return
    const { voice } = this.#parts
    this.#heartbeats.begin(exchange.answer, () => waitingOf(exchange, match, { backend, voice }))
  }

  /** Nobody waits with this exchange any more. */
  forget(exchange: Exchange): void {
    this.#heartbeats.end(exchange.answer)
  }

  #find({ backend: name, workload }: PickResult): Backend {
    if (name === undefined) {
      throw new GatehouseError('GATEHOUSE_NOT_SERVED', { values: { workload: String(workload) } })
    }
    const backend = this.#parts.pool.get(name)
    if (backend) return backend
    throw new GatehouseError('GATEHOUSE_RETIRED', { values: { backend: name } }) // while the body was read
  }

  async #forward(exchange: Exchange, call: Call): Promise<void> {
    const { recorder, body: limits } = this.#parts
    const { raw } = exchange.request
    const lease = exchange.lease as Lease
    const isStreamed = !exchange.body && hasBody(raw)
    const endWatch = isStreamed ? watchStreamedBody(raw, limits, exchange.gone) : undefined
    try {
      const outbound = outboundOf(exchange, call, this.#parts.trusts)
      const forwarded = await forward(lease, outbound, this.#inbound(exchange, call.match, lease))
      lease.end()
      await exchange.closed()
      exchange.answered(forwarded, recorder)
    } finally {
      endWatch?.()
      lease.end()
    }
  }

  #inbound(exchange: Exchange, match: Match, { origin, config, dialect }: Lease): Inbound {
    const { recorder, voice } = this.#parts
    const { answer, request, gone, destination } = exchange
    return {
      answer,
      gone,
      requestId: request.id,
      queue: exchange.queue,
      backend: config.name,
      mount: { origin, basePath: config.address.basePath, prefix: match.cutPrefix },
      format: streamFormat(match.row.id),
      emptyForm: dialect.emptyAnswers.get(match.row.id),
      backlog: this.#backlog,
      errorBody: (error) => voice.errorBody(error, match.caller),
      onEventGap: (gapMs) => recorder.eventGap(destination.backend, destination.workload, gapMs),
    }
  }
}

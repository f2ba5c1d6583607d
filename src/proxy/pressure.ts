import { performance } from 'node:perf_hooks'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { normalisePath } from '../config/normalise-path.js'
import { GatehouseError } from '../errors.js'
import { isOwnPath } from '../routing/own-paths.js'
import { Exchange } from './exchange.js'
import type { ExchangeRecorder } from './recorder.js'

/** A delay is seen less by up to one look. */
const LOOKS = 4
const LONGEST_LOOK_MS = 250
const RETRY_SECONDS = 1

/**
 * Refuses new requests, but those to the gateway's own endpoints, with GATEHOUSE_OVERLOADED while the event loop
 * lags by more than this. 0: never.
 */
export function registerPressure(
  app: FastifyInstance,
  maxDelayMs: number,
  recorder: ExchangeRecorder,
): void {
  if (maxDelayMs === 0) return
  const delay = watchLoopDelay(Math.min(LONGEST_LOOK_MS, maxDelayMs / LOOKS))
  app.addHook('onClose', async () => delay.end())
  app.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done) => {
    if (delay.lastMs() <= maxDelayMs) return done()
    const path = normalisePath(request.raw.url ?? '')
    if (path !== undefined && isOwnPath(path)) return done()
    const error = new GatehouseError('GATEHOUSE_OVERLOADED', { retryAfterSeconds: RETRY_SECONDS })
    new Exchange(request, reply).failed(error, recorder)
    done(error)
  })
}

/**
 * How late the last timer was. Node's own measure, and so every library that uses it, wakes an idle gateway a hundred
 * times a second, which takes one hundredth of a processor from the models.
 */
function watchLoopDelay(everyMs: number): { lastMs(): number; end(): void } {
  let lastMs = 0
  let dueAt = performance.now() + everyMs
  const timer = setInterval(() => {
    const now = performance.now()
    lastMs = now - dueAt
    dueAt = now + everyMs
  }, everyMs).unref()
  return { lastMs: () => lastMs, end: () => clearInterval(timer) }
}

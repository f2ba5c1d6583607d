import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { normalisePath } from '../config/normalise-path.js'
import { GatehouseError } from '../errors.js'
import { isOwnPath } from '../routing/own-paths.js'
import { Exchange } from './exchange.js'
import type { ExchangeRecorder } from './recorder.js'

/** How often the delay is measured: it is a mean, in which a longer time would hide a short stand-still. */
const SAMPLE_MS = 500
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
  void app.register(import('@fastify/under-pressure'), {
    maxEventLoopDelay: maxDelayMs,
    sampleInterval: Math.min(SAMPLE_MS, maxDelayMs),
    pressureHandler: (request: FastifyRequest, reply: FastifyReply) => {
      const path = normalisePath(request.raw.url ?? '')
      if (path !== undefined && isOwnPath(path)) return
      const error = new GatehouseError('GATEHOUSE_OVERLOADED', { retryAfterSeconds: RETRY_SECONDS })
      new Exchange(request, reply).failed(error, recorder)
      throw error
    },
  })
}

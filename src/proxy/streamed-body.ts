import type { IncomingMessage } from 'node:http'
import type { Departure } from '../departure.js'
import { GatehouseError } from '../errors.js'
import type { BodyLimits } from './body.js'
import { watchBody } from './body-stall.js'
import { sendContinue } from './continue.js'

/**
 * Lets a client send a body that is passed on as it comes; one that falls silent in it is taken for gone. Returns
 * what ends the watch, which must be called.
 */
export function watchStreamedBody(
  raw: IncomingMessage,
  { idleMs }: BodyLimits,
  gone: Departure,
): () => void {
  sendContinue(raw)
  return watchBody(raw, idleMs, () => gone.leave(new GatehouseError('GATEHOUSE_REQUEST_TIMEOUT')))
}

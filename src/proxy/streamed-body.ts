import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { Departure } from '../departure.js'
import { GatehouseError } from '../errors.js'
import { type BodyLimits, dropRest } from './body.js'
import { sendContinue } from './continue.js'
import { watchBody } from './silence.js'

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

/**
 * A body on its way to a backend. Undici ends the body of a request that fails, or is answered before it was sent
 * whole: were that the client's request itself, its connection would end with it, and the answer be lost.
 */
export class StreamedBody extends Readable {
  readonly #raw: IncomingMessage
  readonly #onData = (chunk: Buffer) => void (this.push(chunk) || this.#raw.pause())
  readonly #onEnd = () => {
    this.#raw.off('close', this.#onClose) // it is whole: what is left of it here is still to be read
    this.push(null)
  }
  readonly #onClose = () => void this.destroy(new Error('the client broke off'))

  constructor(raw: IncomingMessage) {
    super()
    this.#raw = raw
    raw.on('data', this.#onData).once('end', this.#onEnd).once('close', this.#onClose)
  }

  override _read(): void {
    this.#raw.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const raw = this.#raw
    raw.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    dropRest(raw)
    done(error)
  }
}

import type { IncomingMessage } from 'node:http'
import type { Leaving } from '../departure.js'
import { GatehouseError } from '../errors.js'
import { sendContinue } from './continue.js'
import { watchBody } from './silence.js'

/** How long a client whose body is refused may go on sending before its connection is cut. */
const LINGER_MS = 2_000
const NOTHING = Buffer.alloc(0)

/** Whether a request announces a body; RFC 9112 6.3. */
export function hasBody(raw: IncomingMessage): boolean {
  const { headers } = raw
  return (
    headers['transfer-encoding'] !== undefined ||
    (headers['content-length'] !== undefined && headers['content-length'] !== '0')
  )
}

export interface BodyLimits {
  readonly bytes: number
  /** How long the client may be silent; 0: as long as it likes. */
  readonly idleMs: number
}

/**
 * Reads a whole body of at most so many bytes, which a client that waits for leave to send it is given. Rejects with
 * GATEHOUSE_BODY_TOO_LARGE as soon as it is known to be longer, with GATEHOUSE_REQUEST_TIMEOUT when the client falls
 * silent, and with the signal's reason when it leaves.
 */
export async function readBody(
  raw: IncomingMessage,
  limits: BodyLimits,
  signal: Leaving,
): Promise<Buffer> {
  await undefined // what came in one packet with the head is here then; and who came first stays first
  if (!hasBody(raw)) return NOTHING
  if (Number(raw.headers['content-length'] ?? 0) > limits.bytes) throw refuse(raw, limits.bytes)
  sendContinue(raw)
  signal.throwIfAborted()
  const whole = raw.complete ? (raw.read() as Buffer | null) : null
  if (whole === null) return await collect(raw, limits, signal)
  if (whole.length > limits.bytes) throw refuse(raw, limits.bytes)
  return whole
}

function collect(
  raw: IncomingMessage,
  { bytes: limitBytes, idleMs }: BodyLimits,
  signal: Leaving,
): Promise<Buffer> {
  return new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const fail = (error: unknown) => {
      endWatch()
      reject(error)
    }
    const leave = () => fail(signal.reason)
    const endWatch = watchBody(raw, idleMs, () => {
      fail(new GatehouseError('GATEHOUSE_REQUEST_TIMEOUT'))
    })
    signal.addEventListener('abort', leave, { once: true })
    raw.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= limitBytes) chunks.push(chunk)
      else fail(refuse(raw, limitBytes))
    })
    raw.once('end', () => {
      endWatch()
      signal.removeEventListener('abort', leave)
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size))
    })
    raw.once('error', fail)
  })
}

/** Drops the rest of a body, for a while: a client that still sends is to read our answer, not a reset. */
export function dropRest(raw: IncomingMessage): void {
  raw.resume()
  if (raw.complete) return
  const cut = setTimeout(() => raw.destroy(), LINGER_MS).unref()
  raw.once('close', () => clearTimeout(cut))
}

function refuse(raw: IncomingMessage, limitBytes: number): GatehouseError {
  raw.removeAllListeners('data')
  dropRest(raw)
  return new GatehouseError('GATEHOUSE_BODY_TOO_LARGE', { values: { limit: inWords(limitBytes) } })
}

function inWords(bytes: number): string {
  const mebibytes = bytes / 1024 / 1024
  return mebibytes >= 1 ? `${Number(mebibytes.toFixed(1))} MiB` : `${bytes} bytes`
}

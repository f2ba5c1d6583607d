import type { IncomingMessage } from 'node:http'
import type { Leaving } from '../departure.js'
import { GatehouseError } from '../errors.js'

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

/**
 * Reads a whole body of at most `limitBytes`. Rejects with GATEHOUSE_BODY_TOO_LARGE as soon as it is known to be
 * longer, and with the signal's reason when the client leaves.
 */
export function readBody(
  raw: IncomingMessage,
  limitBytes: number,
  signal: Leaving,
): Promise<Buffer> {
  if (!hasBody(raw)) return Promise.resolve(NOTHING)
  if (Number(raw.headers['content-length'] ?? 0) > limitBytes) {
    return Promise.reject(refuse(raw, limitBytes))
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const leave = () => reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    raw.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= limitBytes) chunks.push(chunk)
      else reject(refuse(raw, limitBytes))
    })
    raw.once('end', () => {
      signal.removeEventListener('abort', leave)
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size))
    })
    raw.once('error', reject)
  })
}

/** The rest of the body is dropped for a while, so that a client still sending reads our answer, not a reset. */
function refuse(raw: IncomingMessage, limitBytes: number): GatehouseError {
  raw.removeAllListeners('data')
  raw.resume()
  const cut = setTimeout(() => raw.destroy(), LINGER_MS).unref()
  raw.once('close', () => clearTimeout(cut))
  return new GatehouseError('GATEHOUSE_BODY_TOO_LARGE', { values: { limit: inWords(limitBytes) } })
}

function inWords(bytes: number): string {
  const mebibytes = bytes / 1024 / 1024
  return mebibytes >= 1 ? `${Number(mebibytes.toFixed(1))} MiB` : `${bytes} bytes`
}

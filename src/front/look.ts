import { request } from 'undici'
import type { Backend } from '../backends/backend.js'
import type { Pool } from '../backends/pool.js'

export interface Look {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

export interface LookAsk {
  readonly path: string
  /** How long the whole answer may take. */
  readonly ms: number
  /** More than this is no answer. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

/** So that a backend's own log tells who asks. */
const HEADERS = { 'user-agent': 'gatehouse' }
const MAX_BYTES = 4 * 1024 * 1024

/**
 * Asks a backend that is ready, or that somebody else runs, without a lease, so that it neither waits nor keeps the
 * backend from being idle. Undefined: it is not there, or did not answer within `ms` milliseconds.
 */
export async function look(pool: Pool, name: string, ask: LookAsk): Promise<Look | undefined> {
  const { path, ms, maxBytes = MAX_BYTES } = ask
  const url = urlOf(pool.get(name))
  if (url === undefined) return undefined
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), ms)
  try {
    const signal = AbortSignal.any([limit.signal, ...(ask.signal ? [ask.signal] : [])])
    const reply = await request(url + path, { signal, reset: true, headers: HEADERS })
    return {
      status: reply.statusCode,
      contentType: String(reply.headers['content-type'] ?? ''),
      body: await read(reply.body, maxBytes),
    }
  } catch {
    return undefined // it ended, or is busy with something else: whoever asks has another answer
  } finally {
    clearTimeout(timer)
  }
}

/** Whether a backend can be asked without starting it. */
export function canLook(backend: Backend | undefined): boolean {
  return urlOf(backend) !== undefined
}

/** Where to ask a backend now; undefined: it would have to be started first. */
function urlOf(backend: Backend | undefined): string | undefined {
  if (backend?.readyUrl !== undefined) return backend.readyUrl
  if (backend?.config.launcher.kind !== 'external') return undefined
  const { protocol, host, port, basePath } = backend.config.address
  return `${protocol}//${host}:${port}${basePath}`
}

async function read(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of body) {
    bytes += part.length
    if (bytes > maxBytes) throw new RangeError('more than was asked for') // which ends the connection
    parts.push(part)
  }
  return Buffer.concat(parts)
}

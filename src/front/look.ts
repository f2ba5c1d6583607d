import { request } from 'undici'
import type { Pool } from '../backends/pool.js'

export interface Look {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

/**
 * Asks a backend that is ready, without a lease, so that it neither waits nor keeps the backend from being idle.
 * Undefined: it is not ready, or did not answer within `ms` milliseconds.
 */
export async function look(
  pool: Pool,
  name: string,
  { path, ms }: { path: string; ms: number },
): Promise<Look | undefined> {
  const url = pool.get(name)?.readyUrl
  if (url === undefined) return undefined
  try {
    const signal = AbortSignal.timeout(ms)
    const { statusCode, headers, body } = await request(url + path, { signal, reset: true })
    return {
      status: statusCode,
      contentType: String(headers['content-type'] ?? ''),
      body: Buffer.from(await body.arrayBuffer()),
    }
  } catch {
    return undefined // it ended, or is busy with something else: whoever asks has another answer
  }
}

import type { OwnAnswer } from '../routing/face.js'
import { CORS_HEADERS } from './cors.js'

/** An answer in JSON, as KoboldCpp writes it. */
export function json(value: unknown, status = 200): OwnAnswer {
  return whole('application/json', JSON.stringify(value), status)
}

/** An answer of any type. */
export function whole(contentType: string, body: string | Buffer, status = 200): OwnAnswer {
  return { status, headers: { ...CORS_HEADERS, 'content-type': contentType }, body }
}

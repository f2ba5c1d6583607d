import { jsonObjectStart } from '../routing/json-member.js'

const CLOSE_OBJECT = 0x7d
const WHITE = new Set([0x20, 0x0a, 0x0d, 0x09])
/** The rows of the built-in table whose requests KoboldCpp can be told to end by their key (kobold-wire 4). */
const KEYED = new Set([
  'generate',
  'generate-stream',
  'completions',
  'chat-completions',
  'responses',
  'messages',
  'ollama-generate',
  'ollama-chat',
  'kai-request',
])

/**
 * A request's body with this key for its request, whatever key it had. It is written behind the other members,
 * without reading them: a body may be a long prompt, and of two equal names the last one counts.
 * Undefined: this kind of request has no key.
 */
export function withKey(body: Buffer, rowId: string, key: string): Buffer | undefined {
  const start = KEYED.has(rowId) ? jsonObjectStart(body) : undefined
  const end = lastPlace(body)
  if (start === undefined || body[end] !== CLOSE_OBJECT) return undefined
  const isEmpty = lastPlace(body.subarray(0, end)) < start
  const member = Buffer.from(`${isEmpty ? '' : ','}"genkey":${JSON.stringify(key)}`)
  return Buffer.concat([body.subarray(0, end), member, body.subarray(end)])
}

/** Where the last byte stands that is no white space. */
function lastPlace(body: Buffer): number {
  let at = body.length - 1
  while (at > 0 && WHITE.has(body[at] ?? 0)) at--
  return at
}

import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** What a client or a proxy in front may call a request: nothing that could bend a log or a head. */
const SOUND = /^[\w.:+/=@-]{1,128}$/

/** Makes the names of requests: the one that a request brings, else one of its own; unique in our log. */
export function createRequestIds(): (raw: IncomingMessage) => string {
  const origin = randomBytes(4).toString('hex')
  let count = 0
  return ({ headers }) => {
    const brought = headers['x-request-id']
    if (typeof brought === 'string' && SOUND.test(brought)) return brought
    count += 1
    return `${origin}-${count.toString(36)}`
  }
}

import type { Lease } from '../backends/lease.js'
import type { UpstreamHandler } from '../backends/upstream.js'

/** A request that has only just been sent may not be known to the backend yet. */
const TRIES = 5
const PAUSE_MS = 100

/**
 * Tells a KoboldCpp to end the request with this key: closing its connection ends a stream within half a second, and
 * nothing else at all (kobold-wire 4). Returns at once; the rest of it is nobody's business any more.
 */
export function abortByKey(lease: Lease, key: string, tries = TRIES): void {
  const answer: Buffer[] = []
  const again = () => {
    if (tries <= 1 || isDone(Buffer.concat(answer))) return
    setTimeout(() => abortByKey(lease, key, tries - 1), PAUSE_MS).unref()
  }
  const handler: UpstreamHandler = {
    onConnect: () => {},
    onHeaders: () => true,
    onData: (chunk) => answer.push(chunk) > 0,
    onComplete: again,
    onError: () => {}, // it is gone itself
  }
  const path = `${lease.config.address.basePath}/api/extra/abort`
  const headers = ['content-type', 'application/json']
  const body = JSON.stringify({ genkey: key })
  lease.upstream.dispatch({ method: 'POST', path, headers, body }, handler)
}

/** Both are strings on the wire. */
function isDone(answer: Buffer): boolean {
  return /"success"\s*:\s*"true"/.test(answer.toString('latin1'))
}

import { connect } from 'node:net'

/** What the upstream streams: so many events, one every so many milliseconds. */
export const EVENTS = 60
export const PACE_MS = 50

const STAMPED_EVENT = /data: [^\n]*"at":(\d+)[^\n]*\n\n/g

/** How one event stream arrived. */
export interface StreamTimes {
  /** From dialling until the first event was here. */
  readonly firstEventMs: number
  /** Of each event: from just before the upstream wrote it until it was here. */
  readonly delaysMs: readonly number[]
  /** Reads from the socket that brought at least one event; fewer than events means that some came lumped. */
  readonly reads: number
}

/**
 * Asks for an event stream and listens to its end, on a bare socket so that one read is one read.
 * Stamps are compared across processes: both take them from the system's monotonic clock.
 * Rejects when the stream is not whole.
 */
export function listenToStream(url: string): Promise<StreamTimes> {
  const { hostname, port, host } = new URL(url)
  return new Promise((resolve, reject) => {
    const begun = process.hrtime.bigint()
    const delaysMs: number[] = []
    let firstEventMs = 0
    let reads = 0
    let unread = ''
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    socket.write(request(host))
    socket.on('data', (chunk) => {
      const now = process.hrtime.bigint()
      unread += chunk.toString('latin1')
      const stamps = [...unread.matchAll(STAMPED_EVENT)]
      const last = stamps.at(-1)
      if (!last) return
      unread = unread.slice(last.index + last[0].length)
      if (reads === 0) firstEventMs = milliseconds(now - begun)
      reads += 1
      for (const [, stamp = '0'] of stamps) delaysMs.push(milliseconds(now - BigInt(stamp)))
    })
    socket.once('error', reject)
    socket.once('close', () => {
      if (delaysMs.length === EVENTS) resolve({ firstEventMs, delaysMs, reads })
      else reject(new Error(`${delaysMs.length} of ${EVENTS} events came from ${url}: ${unread}`))
    })
  })
}

function request(host: string): string {
  const body = '{"stream":true}'
  return [
    'POST /v1/chat/completions HTTP/1.1',
    `host: ${host}`,
    'connection: close',
    'content-type: application/json',
    `content-length: ${body.length}`,
    '',
    body,
  ].join('\r\n')
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6
}

import { connect } from 'node:net'

/** What the upstream is asked to stream: so many events, one every so many milliseconds; 0: one behind the other. */
export interface StreamAsk {
  readonly events: number
  readonly paceMs: number
}

const LAST_CHUNK = '\r\n0\r\n\r\n'
/** Between two chunks, which may part an event. */
const FRAME = /\r\n[\da-f]+\r\n/g
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

/** The events of one stream as they arrive. Begins its clock when made. */
class Arrivals {
  readonly delaysMs: number[] = []
  firstEventMs = 0
  reads = 0
  unread = ''
  #tail = ''
  readonly #begun = process.hrtime.bigint()

  /** Takes in what one read brought. */
  take(chunk: Buffer): void {
    const now = process.hrtime.bigint()
    const text = chunk.toString('latin1')
    this.#tail = (this.#tail + text).slice(-LAST_CHUNK.length)
    this.unread = (this.unread + text).replaceAll(FRAME, '')
    const events = [...this.unread.matchAll(STAMPED_EVENT)]
    const last = events.at(-1)
    if (!last) return
    this.unread = this.unread.slice(last.index + last[0].length)
    if (this.reads === 0) this.firstEventMs = milliseconds(now - this.#begun)
    this.reads += 1
    for (const [, stamp = '0'] of events) this.delaysMs.push(milliseconds(now - BigInt(stamp)))
  }

  get isOver(): boolean {
    return this.#tail === LAST_CHUNK
  }
}

/**
 * Asks for an event stream and listens to its end, on a bare socket so that one read is one read.
 * Stamps are compared across processes: both take them from the system's monotonic clock.
 * Rejects when the stream is not whole.
 */
export function listenToStream(url: string, ask: StreamAsk): Promise<StreamTimes> {
  const { hostname, port, host } = new URL(url)
  return new Promise((resolve, reject) => {
    const arrivals = new Arrivals()
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    socket.write(request(host, ask))
    socket.on('data', (chunk) => {
      arrivals.take(chunk)
      // Stock may keep the connection for over a minute, in spite of `connection: close`.
      if (arrivals.isOver) socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => {
      const came = arrivals.delaysMs.length
      if (came === ask.events) resolve(arrivals)
      else reject(new Error(`${came} of ${ask.events} events came from ${url}: ${arrivals.unread}`))
    })
  })
}

function request(host: string, { events, paceMs }: StreamAsk): string {
  const body = '{"model":"bench","stream":true}'
  return [
    'POST /v1/chat/completions HTTP/1.1',
    `host: ${host}`,
    'connection: close',
    `x-events: ${events}`,
    `x-pace-ms: ${paceMs}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    '',
    body,
  ].join('\r\n')
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6
}

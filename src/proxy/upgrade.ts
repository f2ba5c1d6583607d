import { createHash } from 'node:crypto'
import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { eachLine, headText } from './headers.js'
import { type Carried, joinSockets } from './tunnel.js'

/** What a client may send ahead of the answer to its offer, before it is read no further. */
const EARLY_BYTES = 64 * 1024
/** Shows a client that its offer was understood (RFC 6455 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The other end of a tunnel. */
export interface FarEnd {
  readonly backend: Socket
  /** Called once when both sides are closed. */
  readonly over: (carried: Carried) => void
}

/** A client's offer to go on as a WebSocket (RFC 6455 4), until it is accepted or answered otherwise. */
export class WebSocketOffer {
  readonly #socket: Socket
  readonly #reply: ServerResponse
  readonly #early: EarlyBytes

  constructor(reply: ServerResponse, early: EarlyBytes) {
    const { socket } = early
    this.#socket = socket
    this.#reply = reply
    this.#early = early
    reply.assignSocket(socket)
    reply.shouldKeepAlive = false
    reply.once('finish', () => socket.destroySoon())
    socket.on('drain', this.#drained)
    socket.once('end', this.#left)
  }

  /** Answers with the backend's own 101 (name, value, name, value), and joins both sides. */
  accept(lines: readonly string[], { backend, over }: FarEnd): void {
    joinSockets(this.#switch(lines), backend, over)
  }

  /** Answers with a 101 of the gateway's own (RFC 6455 4.2.2), and hands the connection over. */
  take(): Socket {
    const key = this.#reply.req.headers['sec-websocket-key'] ?? ''
    const proof = createHash('sha1').update(`${key}${GUID}`).digest('base64')
    return this.#switch(['Sec-WebSocket-Accept', proof])
  }

  #switch(lines: readonly string[]): Socket {
    const socket = this.#socket
    socket.off('drain', this.#drained).off('end', this.#left)
    const kept = ['Connection', 'Upgrade', 'Upgrade', 'websocket']
    eachLine(lines, (name, value) => {
      if (name.toLowerCase() !== 'content-length') kept.push(name, value)
    })
    this.#reply.statusCode = 101
    this.#reply.detachSocket(socket)
    socket.write(headText('HTTP/1.1 101 Switching Protocols', kept), 'latin1')
    this.#early.putBack()
    return socket
  }

  /** Node tells a reply that there is room for more only while it holds the connection itself. */
  readonly #drained = () => this.#reply.emit('drain')

  readonly #left = () => this.#socket.destroy()
}

/** The bytes that come while nobody else reads a connection: if it were not read, nobody would see the client leave. */
class EarlyBytes {
  readonly socket: Socket
  readonly #bytes: Buffer[]
  #count = 0

  constructor(socket: Socket, head: Buffer) {
    this.socket = socket
    this.#bytes = [head]
    socket.on('data', this.#keep)
    socket.on('error', this.#broke)
  }

  /** Leaves the connection to whoever reads it now, as if these bytes had not been read. */
  putBack(): void {
    const { socket } = this
    socket.off('data', this.#keep).off('error', this.#broke)
    const bytes = Buffer.concat(this.#bytes)
    if (bytes.length > 0 && !socket.destroyed && !socket.readableEnded) socket.unshift(bytes)
    socket.resume()
  }

  readonly #keep = (chunk: Buffer) => {
    this.#bytes.push(chunk)
    this.#count += chunk.length
    if (this.#count > EARLY_BYTES) this.socket.pause()
  }

  readonly #broke = () => this.socket.destroy()
}

/**
 * Takes the requests that offer to go on in another protocol out of Node's hands: an offer of a WebSocket is handled
 * as a request with `offers.get(request)`, any other is a plain request (RFC 9110 7.8).
 */
export function serveUpgrades(server: Server): WeakMap<IncomingMessage, WebSocketOffer> {
  const offers = new WeakMap<IncomingMessage, WebSocketOffer>()
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const early = new EarlyBytes(socket, head)
    afterReplies(socket, () => {
      if (!isWebSocketOffer(request)) return servePlainly(server, request, early)
      const reply = new ServerResponse(request)
      offers.set(request, new WebSocketOffer(reply, early))
      server.emit('request', request, reply)
    })
  })
  return offers
}

/** Calls back when the requests that came before on this connection, and still have it, are answered. */
function afterReplies(socket: Socket, callback: () => void): void {
  const running = runningReply(socket)
  if (running) running.once('finish', () => afterReplies(socket, callback))
  else if (socket.writable) callback()
}

/** Node itself looks there, and tells it nowhere else. */
function runningReply(socket: Socket): ServerResponse | undefined {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined
}

/** A handshake has no body (RFC 6455 4.1): where one comes, its end could be taken for another place. */
function isWebSocketOffer({ method, headers, httpVersionMinor }: IncomingMessage): boolean {
  const protocols = String(headers.upgrade)
    .toLowerCase()
    .split(/[\s,]+/)
  return (
    method === 'GET' &&
    httpVersionMinor > 0 &&
    protocols.includes('websocket') &&
    headers['sec-websocket-key'] !== undefined &&
    headers['transfer-encoding'] === undefined &&
    Number(headers['content-length'] ?? 0) === 0
  )
}

/** Node has let go of the connection: it is handed in once more, its head without the offer. */
function servePlainly(
  server: Server,
  { method, url, httpVersion, rawHeaders }: IncomingMessage,
  early: EarlyBytes,
): void {
  const lines: string[] = []
  eachLine(rawHeaders, (name, value) => {
    const lower = name.toLowerCase()
    if (lower === 'upgrade' || lower === 'http2-settings') return
    lines.push(name, lower === 'connection' ? withoutUpgrade(value) : value)
  })
  const { socket } = early
  early.putBack()
  if (socket.readableEnded) return void socket.destroySoon()
  const first = `${method} ${url} HTTP/${httpVersion}`
  socket.unshift(Buffer.from(headText(first, lines), 'latin1'))
  socket.setTimeout(0) // what the answers before set for a connection that waits
  server.emit('connection', socket)
}

function withoutUpgrade(value: string): string {
  const names = value.split(',').map((name) => name.trim())
  const others = names.filter((name) => !/^(?:upgrade|http2-settings)$/i.test(name))
  return others.join(', ')
}

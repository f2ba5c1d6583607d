import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'

/** One request as it came over the wire, with the socket to answer on. */
export interface Received {
  /** The bytes of the head, as latin1, without the empty line. */
  readonly head: string
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Buffer
  readonly socket: Socket
  /** Resolves when the gateway has closed this connection. */
  readonly closed: Promise<void>
}

export interface Upstream {
  readonly url: string
  readonly server: Server
  readonly received: Received[]
  connections: number
}

/**
 * A backend whose every byte the test writes itself: `answer` is called with each request, once its body is whole.
 * A request for `/` is the readiness probe of the generic dialect and is answered here.
 */
export async function startUpstream(
  t: Test,
  answer: (request: Received) => void | Promise<void>,
): Promise<Upstream> {
  const server = createServer()
  const sockets = new Set<Socket>()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const upstream: Upstream = {
    url: `http://127.0.0.1:${port}`,
    server,
    received: [],
    connections: 0,
  }
  server.on('connection', (socket) => {
    upstream.connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    readRequests(socket, (request) => {
      if (request.path === '/') return void socket.end('HTTP/1.0 200 OK\r\n\r\n')
      upstream.received.push(request)
      void answer(request)
    })
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return upstream
}

function readRequests(socket: Socket, onRequest: (request: Received) => void): void {
  let pending = Buffer.alloc(0)
  const closed = once(socket, 'close').then(() => {})
  closed.catch(() => {})
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    for (let parsed = parse(pending); parsed; parsed = parse(pending)) {
      pending = pending.subarray(parsed.size)
      onRequest({ ...parsed.request, socket, closed })
    }
  })
}

function parse(bytes: Buffer) {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  const [requestLine = '', ...lines] = head.split('\r\n')
  const [method = '', path = ''] = requestLine.split(' ')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const length = Number(headers['content-length'] ?? 0)
  const size = end + 4 + length
  if (bytes.length < size) return undefined
  const body = bytes.subarray(end + 4, size)
  return { size, request: { head, method, path, headers, body } }
}

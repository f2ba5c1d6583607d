import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import { external, type Gateway, startGateway } from './gateway.js'
import { dechunk } from './raw-client.js'

const NOT_FOUND = 'HTTP/1.0 404 Not Found\r\n\r\n'

/** One request as it came over the wire, with the socket to answer on. */
export interface Received {
  /** The bytes of the head, as latin1, without the empty line. */
  readonly head: string
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  /** Without the framing of chunks; all of it that has come. */
  readonly body: Buffer
  /** Head and body with the framing, byte for byte; all of it that has come. */
  readonly raw: Buffer
  /** Whether all of it has come. */
  readonly isWhole: boolean
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

export interface Manners {
  /** When `answer` is called: once the body is whole, or as soon as the head is there. */
  readonly answersAt?: 'body' | 'head'
  /** The path of the readiness probe, with the base path if there is one; `seen`: it is a request like any other. */
  readonly probe?: string
}

/**
 * What the gateway asks for its own sake, to know what the backend can do, is answered with 404 and not counted.
 * A backend whose every byte the test writes itself: `answer` is called with each request, once its body is whole
 * unless its manners say otherwise. A request for `/` is the readiness probe of the generic dialect and is
 * answered here.
 */
export async function startUpstream(
  t: Test,
  answer: (request: Received) => void | Promise<void>,
  { answersAt = 'body', probe = '/' }: Manners = {},
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
    readRequests(socket, answersAt, (request) => {
      if (request.headers['user-agent'] === 'gatehouse') {
        upstream.connections -= 1
        return void socket.end('HTTP/1.0 404 Not Found\r\n\r\n')
      }
      if (request.path === probe) return void socket.end('HTTP/1.0 200 OK\r\n\r\n')
      // What the gateway itself would like to know of a backend is no test's business.
      if (request.headers['user-agent'] === 'gatehouse') return void socket.end(NOT_FOUND)
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

/** Answers each path with the bytes that stand beside it, and hangs up. */
export function saying(answers: Readonly<Record<string, string>>) {
  return ({ socket, path }: Received): void => {
    socket.end(answers[path] ?? 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', 'latin1')
  }
}

export interface Proxied extends Upstream {
  readonly gateway: Gateway
  /** Of the gateway. */
  readonly port: number
}

export interface ProxySettings extends Manners {
  readonly listen?: object
  readonly backend?: object
  /** Beside this one. */
  readonly backends?: object
  /** Before the route that leads everything to this backend. */
  readonly routes?: readonly object[]
  /** What is added to the url of the backend. */
  readonly basePath?: string
}

/** Such a backend, `web`, behind a gateway that sends everything there; any number of requests at once. */
export async function startProxied(
  t: Test,
  answer: (request: Received) => void | Promise<void>,
  settings: ProxySettings = {},
): Promise<Proxied> {
  const { listen = {}, backend, backends, routes = [], basePath = '', ...manners } = settings
  const upstream = await startUpstream(t, answer, { probe: `${basePath}/`, ...manners })
  const web = external(upstream.url + basePath, { concurrency: 0, ...backend })
  const gateway = await startGateway(t, {
    listen,
    backends: { web, ...backends },
    routes: [...routes, { path: '/*', to: 'backend:web' }],
  })
  return Object.assign(upstream, { gateway, port: gateway.port })
}

function readRequests(
  socket: Socket,
  answersAt: 'body' | 'head',
  onRequest: (request: Received) => void,
): void {
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  let current = new Incoming(socket, closed)
  socket.on('data', (chunk) => {
    for (let rest: Buffer | undefined = chunk; rest !== undefined; ) {
      const request: Incoming = current
      rest = request.add(rest)
      if (request.isWhole) current = new Incoming(socket, closed)
      if (request.isWhole || (answersAt === 'head' && request.hasHead)) request.tell(onRequest)
    }
  })
}

/** A request while it comes. */
class Incoming implements Received {
  readonly socket: Socket
  readonly closed: Promise<void>
  head = ''
  method = ''
  path = ''
  headers: Record<string, string> = {}
  isWhole = false
  #parts: Buffer[] = []
  #length = 0
  #isTold = false
  #bodyAt = 0

  constructor(socket: Socket, closed: Promise<void>) {
    this.socket = socket
    this.closed = closed
  }

  get hasHead(): boolean {
    return this.#bodyAt > 0
  }

  get raw(): Buffer {
    this.#parts = [Buffer.concat(this.#parts)]
    return this.#parts[0] ?? Buffer.alloc(0)
  }

  get body(): Buffer {
    const bytes = this.raw.subarray(this.#bodyAt)
    if (!this.#isChunked) return bytes
    return Buffer.from(dechunk(bytes.toString('latin1')).body, 'latin1')
  }

  get #isChunked(): boolean {
    return this.headers['transfer-encoding'] !== undefined
  }

  /** Takes more bytes; gives back what belongs to the next request, if this one is whole with bytes to spare. */
  add(chunk: Buffer): Buffer | undefined {
    this.#parts.push(chunk)
    this.#length += chunk.length
    if (!this.hasHead) this.#readHead()
    const size = this.hasHead ? this.#size() : undefined
    this.isWhole = size !== undefined && this.#length >= size
    if (!this.isWhole || this.#length === size) return undefined
    const rest = this.raw.subarray(size)
    this.#parts = [this.raw.subarray(0, size)]
    return rest
  }

  /** Only once. */
  tell(onRequest: (request: Received) => void): void {
    if (this.#isTold) return
    this.#isTold = true
    onRequest(this)
  }

  #readHead(): void {
    const { raw } = this
    const end = raw.indexOf('\r\n\r\n')
    if (end < 0) return
    this.#bodyAt = end + 4
    this.head = raw.toString('latin1', 0, end)
    const [requestLine = '', ...lines] = this.head.split('\r\n')
    const [method = '', path = ''] = requestLine.split(' ')
    Object.assign(this, { method, path })
    for (const line of lines) {
      const colon = line.indexOf(':')
      this.headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
  }

  /** How long it is with its head, if that is known yet. */
  #size(): number | undefined {
    if (!this.#isChunked) return this.#bodyAt + Number(this.headers['content-length'] ?? 0)
    const { size, isWhole } = dechunk(this.raw.toString('latin1', this.#bodyAt))
    return isWhole ? this.#bodyAt + size : undefined
  }
}

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { external, type Gateway, startGateway } from './gateway.js'
import { get, rawClient } from './raw-client.js'
import { until } from './until.js'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** What makes a request an offer of a WebSocket. */
export const OFFER: readonly string[] = [
  'Connection: keep-alive, Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`,
]

/** The head of such a request. */
export function offer(path: string, lines: readonly string[] = []): string {
  return get(path, [...OFFER, ...lines])
}

/** The 101 that accepts it, with these lines besides. */
export function accepting(lines: readonly string[] = []): string {
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  return `${[...head, `Sec-WebSocket-Accept: ${acceptOf(KEY)}`, ...lines].join('\r\n')}\r\n\r\n`
}

/** A handshake as it came over the wire. */
export interface Handshake {
  readonly head: string
  readonly path: string
  /** Name in lower case, and value, of each line. */
  readonly lines: readonly (readonly [name: string, value: string])[]
  /** All that has come after it. */
  received(): Buffer
  /** Resolves when these words have come after it; rejects if the connection ends first. */
  sees(words: string): Promise<void>
  readonly socket: Socket
  /** Resolves when the gateway has ended this connection; whether it did so in order. */
  readonly over: Promise<'end' | 'reset'>
}

export interface FarSide {
  readonly url: string
  readonly server: Server
  readonly handshakes: Handshake[]
  /** The connections that are open. */
  readonly sockets: ReadonlySet<Socket>
}

const PROBES = ['/', '/system_stats', '/health']

/** A backend of which the test writes every byte, except the answers to the readiness probes of all dialects. */
export async function startFarSide(
  t: Test,
  answer: (handshake: Handshake) => void | Promise<void>,
  allowHalfOpen = false,
): Promise<FarSide> {
  const server = createServer({ allowHalfOpen })
  const sockets = new Set<Socket>()
  const handshakes: Handshake[] = []
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    readHandshake(socket, (handshake) => {
      const asksForItself = /^user-agent: gatehouse$/im.test(handshake.head)
      if (asksForItself || PROBES.includes(handshake.path))
        return void socket.end('HTTP/1.0 200 OK\r\n\r\n{}')
      handshakes.push(handshake)
      void answer(handshake)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, server, handshakes, sockets }
}

export interface Tunnelled extends FarSide {
  readonly gateway: Gateway
  /** Of the gateway. */
  readonly port: number
  /** How many requests its one backend is busy with. */
  inFlight(): number
}

export interface TunnelSettings {
  readonly listen?: object
  readonly backend?: object
  /** Whether the backend leaves its side open when the other has ended. */
  readonly allowHalfOpen?: boolean
}

/** Such a backend, `web`, behind a gateway that sends everything there. */
export async function startTunnelled(
  t: Test,
  answer: (handshake: Handshake) => void | Promise<void>,
  { listen = {}, backend = {}, allowHalfOpen = false }: TunnelSettings = {},
): Promise<Tunnelled> {
  const side = await startFarSide(t, answer, allowHalfOpen)
  const gateway = await startGateway(t, {
    listen: { drainTimeout: '100ms', ...listen },
    backends: { web: external(side.url, backend) },
    routes: [{ path: '/*', to: 'backend:web' }],
  })
  const inFlight = () => gateway.app.pool.statuses()[0]?.inFlight ?? -1
  return { ...side, gateway, port: gateway.port, inFlight }
}

/** Takes a WebSocket, and says nothing more. */
export function accept({ socket }: Handshake): void {
  socket.write(accepting())
}

/** A tunnel that stands: both its ends, and the gateway between them. */
export async function startTunnel(t: Test, settings: TunnelSettings = {}) {
  const tunnelled = await startTunnelled(t, accept, settings)
  const client = await rawClient(tunnelled.port)
  client.socket.write(offer('/live'))
  await client.sees('\r\n\r\n')
  const [far] = tunnelled.handshakes
  if (!far) throw new Error('no handshake')
  const isOver = () => tunnelled.inFlight() === 0 && tunnelled.sockets.size === 0
  return { ...tunnelled, client, far, isOver }
}

/** Resolves when a number has not changed for a while. */
export async function standsStill(number: () => number): Promise<void> {
  let before = -1
  await until('it stands still', async () => {
    const same = number() === before
    before = number()
    if (!same) await sleep(300)
    return same
  })
}

function readHandshake(socket: Socket, onHandshake: (handshake: Handshake) => void): void {
  let bytes = Buffer.alloc(0)
  const over = new Promise<'end' | 'reset'>((resolve) => {
    socket.on('end', () => resolve('end'))
    socket.on('error', () => resolve('reset'))
    socket.on('close', () => resolve('end'))
  })
  const read = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) return
    socket.off('data', read)
    const head = bytes.toString('latin1', 0, end)
    const [first = '', ...rest] = head.split('\r\n')
    const lines = rest.map((line): [string, string] => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    })
    const path = first.split(' ')[1] ?? ''
    onHandshake({ head, path, lines, ...collect(socket, bytes.subarray(end + 4)), socket, over })
  }
  socket.on('data', read)
}

function collect(socket: Socket, first: Buffer) {
  const chunks = [first]
  const received = () => Buffer.concat(chunks)
  const text = () => received().toString('latin1')
  const sees = (words: string) =>
    new Promise<void>((resolve, reject) => {
      const closed = () => reject(new Error(`closed before '${words}': ${text()}`))
      const look = () => {
        if (!text().includes(words)) return
        socket.off('data', look).off('close', closed)
        resolve()
      }
      socket.on('data', look).once('close', closed)
      look()
    })
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  return { received, sees }
}

/** A server of RFC 6455 that says every message back, in the subprotocol `echo`. */
export async function startEchoServer(t: Test): Promise<string> {
  const server = createHttpServer((_request, reply) => reply.end('{}'))
  const sockets = new Set<Socket>()
  server.on('upgrade', (request, socket: Socket, head: Buffer) => {
    const key = String(request.headers['sec-websocket-key'])
    sockets.add(socket)
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptOf(key)}\r\nSec-WebSocket-Protocol: echo\r\n\r\n`,
    )
    let bytes = head
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      bytes = echo(socket, Buffer.concat([bytes, chunk]))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Answers each whole frame (RFC 6455 5.2), and returns what is left of the bytes. */
function echo(socket: Socket, bytes: Buffer): Buffer {
  let rest = bytes
  for (let frame = readFrame(rest); frame; frame = readFrame(rest)) {
    rest = rest.subarray(frame.size)
    const opcode = frame.first & 0x0f
    if (opcode === 0x9) socket.write(frameOf(0x8a, frame.payload))
    else if (opcode !== 0xa) socket.write(frameOf(frame.first, frame.payload))
    if (opcode === 0x8) socket.end()
  }
  return rest
}

function readFrame(bytes: Buffer) {
  if (bytes.length < 6) return undefined
  const short = bytes.readUInt8(1) & 0x7f
  const maskAt = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < maskAt + 4) return undefined
  const length = maskAt === 2 ? short : Number(`0x${bytes.toString('hex', 2, maskAt)}`)
  const size = maskAt + 4 + length
  if (bytes.length < size) return undefined
  const mask = bytes.subarray(maskAt, maskAt + 4)
  const payload = Buffer.from(bytes.subarray(maskAt + 4, size))
  for (let at = 0; at < length; at += 1) payload[at] = (payload[at] ?? 0) ^ (mask[at % 4] ?? 0)
  return { first: bytes.readUInt8(0), payload, size }
}

function frameOf(first: number, payload: Buffer): Buffer {
  const { length } = payload
  const head = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10)
  head.writeUInt8(first, 0)
  head.writeUInt8(length < 126 ? length : length < 65536 ? 126 : 127, 1)
  if (head.length === 4) head.writeUInt16BE(length, 2)
  else if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${GUID}`).digest('base64')
}

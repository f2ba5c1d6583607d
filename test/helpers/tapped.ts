import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Pieces } from '../../src/backends/body-tap.js'
import { type Connection, Upstream, type UpstreamHandler } from '../../src/backends/upstream.js'

export type End = 'stays' | 'FIN' | 'RST'

/** What a backend sends, in these pieces; `end`: and then does with its connection. */
export interface Script {
  readonly pieces: readonly Buffer[]
  readonly end: End
}

/** How the receiver behaves. */
export interface Manners {
  /** Whether the answer is told as a stream. */
  readonly isStream: boolean
  /** Whether it takes the next piece that it is offered, over and over. */
  readonly takes: readonly boolean[]
  /** Whether it holds the backend at the next data, over and over. */
  readonly pauses: readonly boolean[]
  /** After how many pieces of data it begins to take, as one does who holds the begin of an answer. */
  readonly opensAfter: number
}

export const EAGER: Manners = { isStream: true, takes: [true], pauses: [false], opensAfter: 0 }

/** What is undici's handler here. It takes nothing while it holds the backend, as a reply does. */
export class Receiver implements UpstreamHandler {
  readonly #manners: Manners
  connection: Connection | undefined
  readonly parts: Buffer[] = []
  takenBytes = 0
  takes = 0
  #datas = 0
  #offers = 0
  #isHeld = false
  #resume: () => void = () => {}
  trailers = ''
  outcome: 'complete' | 'error' | undefined
  error: Error | undefined
  ends = 0

  constructor(manners: Manners) {
    this.#manners = manners
  }

  get body(): Buffer {
    return Buffer.concat(this.parts)
  }

  onConnection(connection: Connection): void {
    this.connection = connection
  }

  onConnect(): void {}

  onHeaders(status: number, lines: Buffer[], resume: () => void): boolean {
    if (status < 200) return true
    this.#resume = resume
    this.connection?.headCame(this.#manners.isStream ? lines : undefined)
    if (this.#manners.opensAfter === 0) this.#open()
    return true
  }

  onData(chunk: Buffer): boolean {
    if (chunk.length === 0) return true // llhttp's, when it goes on
    this.parts.push(Buffer.from(chunk))
    this.#datas += 1
    if (this.#datas === this.#manners.opensAfter) this.#open()
    this.#isHeld = next(this.#manners.pauses, this.#datas)
    if (!this.#isHeld) return true
    this.connection?.hold()
    setImmediate(() => this.#goOn())
    return false
  }

  onComplete(trailers: Buffer[] | string[] | null): void {
    this.outcome = 'complete'
    this.ends += 1
    this.trailers = (trailers ?? []).map(String).join(': ')
  }

  onError(error: Error): void {
    this.outcome = 'error'
    this.ends += 1
    this.error = error
  }

  #open(): void {
    this.connection?.tap((pieces) => this.#take(pieces))
  }

  #take({ bytes, ranges, areChunks }: Pieces): boolean {
    if (this.ends > 0) throw new Error('a piece came behind the end')
    this.#offers += 1
    if (this.#isHeld || !next(this.#manners.takes, this.#offers)) return false
    this.takes += 1
    const data: Buffer[] = []
    for (let at = 0; at < ranges.length; at += 2)
      data.push(Buffer.from(bytes.subarray(ranges[at], ranges[at + 1])))
    this.parts.push(...data)
    this.takenBytes += Buffer.concat(data).length
    const isFramed = areChunks && bytes.length > Buffer.concat(data).length
    if (areChunks !== isFramed) throw new Error('chunks without frames')
    return true
  }

  #goOn(): void {
    this.#isHeld = false
    this.connection?.letGo()
    this.#resume()
  }
}

export function next(values: readonly boolean[], count: number): boolean {
  return values[count % values.length] ?? false
}

async function play(socket: Socket, { pieces, end }: Script, { connection }: Receiver) {
  for (const piece of pieces) {
    const isRead = () => socket.destroyed || connection?.bytesRead === socket.bytesWritten
    socket.write(piece)
    while (!isRead()) await turn()
  }
  if (end === 'FIN') socket.end()
  else if (end === 'RST') socket.resetAndDestroy()
}

/** A backend that sends these answers, each once it is asked, and each piece once the last was read. */
export async function stage(t: Test) {
  let script: Script = { pieces: [], end: 'stays' }
  let receiver = new Receiver(EAGER)
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    socket.on('data', () => void play(socket, script, receiver))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const limits = { connectMs: 5_000, headersMs: 5_000, bodyIdleMs: 5_000 }
  const upstream = new Upstream(`http://127.0.0.1:${port}`, { keepsConnections: true, ...limits })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const ask = async (manners: Manners, sends: Script) => {
    script = sends
    receiver = new Receiver(manners)
    upstream.dispatch({ method: 'GET', path: '/' }, receiver)
    while (receiver.ends === 0) await turn()
    for (let turns = 0; turns < 3; turns += 1) await turn() // undici frees the connection
    return receiver
  }
  return { ask, sockets }
}

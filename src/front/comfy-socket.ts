import type { Duplex } from 'node:stream'
import {
  CLOSE,
  closing,
  type Frame,
  frameAt,
  frameOf,
  NORMAL,
  PING,
  PONG,
  PROTOCOL_ERROR,
  TEXT,
} from './comfy-frames.js'

/** What a client that does not read may be owed before it is given up. */
const MAX_OWED = 1024 * 1024
/** RFC 6455 5.5. */
const MAX_CONTROL = 125
/** How long a client may take to close its side after the gateway has. */
const CLOSE_MS = 2_000

/** The gateway's end of a WebSocket that tells news; what its client says is read, and means nothing. */
export class NewsSocket {
  readonly #socket: Duplex
  #unread: Buffer = Buffer.alloc(0)
  #isClosing = false

  /** `closed` is called once, when nothing can be sent any more. */
  constructor(socket: Duplex, closed: () => void) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => socket.destroy()) // who broke off is not told apart
    socket.once('end', () => socket.end())
    socket.once('close', closed)
  }

  send(message: object): void {
    this.#write(frameOf(TEXT, Buffer.from(JSON.stringify(message))))
  }

  /** Who does not read is not kept. */
  #write(frame: Buffer): void {
    if (this.#isClosing || !this.#socket.writable) return
    this.#socket.write(frame)
    if (this.#socket.writableLength > MAX_OWED) this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    if (this.#isClosing) return
    this.#unread = Buffer.concat([this.#unread, chunk])
    for (let frame = frameAt(this.#unread); frame !== undefined; frame = frameAt(this.#unread)) {
      if (typeof frame === 'number') this.#close(frame)
      else this.#take(frame)
      if (this.#isClosing) return
    }
  }

  #take({ opcode, payload, size }: Frame): void {
    this.#unread = this.#unread.subarray(size)
    if (opcode === CLOSE) this.#close(payload.length >= 2 ? payload.readUInt16BE(0) : NORMAL)
    else if (opcode === PING && payload.length > MAX_CONTROL) this.#close(PROTOCOL_ERROR)
    else if (opcode === PING) this.#write(frameOf(PONG, payload))
  }

  #close(code: number): void {
    this.#isClosing = true
    const socket = this.#socket
    socket.end(closing(code))
    const late = setTimeout(() => socket.destroy(), CLOSE_MS).unref()
    socket.once('close', () => clearTimeout(late))
  }
}

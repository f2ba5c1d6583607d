import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { GatehouseError } from '../errors.js'
import { hasBody } from './body.js'
import { headText } from './headers.js'
import { closeLingering } from './lingering-close.js'
import { asReceived } from './reason.js'
import { type ReplyHead, trailerLines } from './reply-head.js'
import type { Waiting } from './waiting.js'

/** How long the last words of a broken reply may take to leave. */
const LAST_WORDS_MS = 1_000
/** Of an answer that cannot be passed on, this much is looked at for its words. */
const MOST_WORDS_BYTES = 64 * 1024
/** Long enough for a client to have read what came before. */
const RESET_AFTER_MS = 200
/** Pieces up to this are copied. */
const SHORT_BYTES = 4096
/** With it, `destroy` makes a socket's end a reset (Node's lib/net.js). */
const RESET = { resetAndClosing: true }

/** When a client that waits is to be shown something next. */
export interface Patience {
  dueAt: number
  /** Looked for when the first beat is due: most requests never wait so long. */
  readonly waiting: () => Waiting | undefined
}

type State = 'untouched' | 'held' | 'passing' | 'collecting' | 'over'

/**
 * The client's side of one exchange: every byte of an answer that is not Fastify's goes through here. A reply that
 * was held by heartbeats has a status already; what a backend then answers is told in a form that fits it.
 */
export class ClientReply {
  readonly raw: ServerResponse
  readonly #reply: FastifyReply
  #state: State = 'untouched'
  #waiting: Waiting | undefined
  /** The first piece of a body, while the rest may still come in the same tick. */
  #first: Buffer | undefined
  /** The head included. */
  #hasWritten = false
  /** Among those that are kept waiting, and how. */
  place = -1
  patience: Patience | undefined
  readonly #collected: Buffer[] = []
  #collectedBytes = 0
  #hasLength = false
  #refusedWith: number | undefined
  #isBetweenEvents: () => boolean = () => false

  constructor(reply: FastifyReply) {
    this.#reply = reply
    this.raw = reply.raw
    this.raw.on('error', ignore) // a write that comes too late harms nobody
  }

  /** Whether bytes of a backend's answer, or of what stands for it, have been written. */
  get hasBegun(): boolean {
    return this.#state !== 'untouched' && this.#state !== 'held'
  }

  /** Whether heartbeats have fixed its status. */
  get isHeld(): boolean {
    return this.#state === 'held'
  }

  /** Whether a backend's answer could not follow heartbeats, so that its end may be a break. */
  get isRefused(): boolean {
    return this.#refusedWith !== undefined
  }

  /** As the client sees it, or was told in words after heartbeats had fixed it. */
  get status(): number {
    return this.#refusedWith ?? this.raw.statusCode
  }

  /** Shows a client that waits that its request lives. */
  beat(waiting: Waiting): void {
    if (this.hasBegun || this.raw.destroyed || this.raw.writableEnded) return
    if (this.raw.headersSent && !this.isHeld) return // the gateway has answered itself
    if (this.#state === 'untouched') this.#hold(waiting)
    this.raw.write(waiting.beat)
  }

  /** Passes an interim answer on to whoever understands it (RFC 9110 15.2). */
  interim(status: number, reason: string, lines: readonly string[]): void {
    const { socket, req } = this.raw
    if (this.hasBegun || this.isHeld || this.raw.headersSent || !socket) return
    if (req.httpVersionMinor < 1) return
    socket.write(headText(`HTTP/1.1 ${status} ${asReceived(reason)}`, lines), 'latin1')
  }

  /** Writes the head of a backend's final answer. */
  begin(status: number, reason: string, head: ReplyHead): void {
    if (this.#waiting) {
      this.#state = this.#waiting.takes(status, head) ? 'passing' : 'collecting'
      if (this.#state === 'collecting') this.#refusedWith = status < 400 ? 502 : status
      return
    }
    this.#reply.hijack()
    if (isStillRead(this.raw.req)) closeLingering(this.raw)
    this.#state = 'passing'
    this.#hasLength = head.hasLength
    this.raw.writeHead(status, asReceived(reason), this.#fit(head))
  }

  /** Sends the head now, with what is there of the body. */
  flush(): void {
    if (this.#state !== 'passing' || this.#hasWritten) return
    if (this.#first) this.#put(this.#first)
    // `flushHeaders` would write the bytes of the lines as UTF-8.
    else if (!this.#waiting) this.raw.write('', 'latin1')
    this.#first = undefined
    this.#hasWritten = true
  }

  /** Leaves the connection to a WebSocket: nothing of HTTP is written on it any more. */
  becomeTunnel(): void {
    this.#reply.hijack()
    this.#state = 'over'
  }

  /** Returns false when the client does not keep up: `raw` then says `drain` once it has. */
  write(chunk: Buffer): boolean {
    if (this.#state === 'passing') return this.#pass(chunk)
    this.#collectedBytes += chunk.length
    if (this.#collectedBytes <= MOST_WORDS_BYTES) this.#collected.push(chunk)
    return true
  }

  /** Whether the client has all that was written so far, and the head too: what comes next leaves at once. */
  get keepsUp(): boolean {
    const { socket } = this.raw
    if (this.#state !== 'passing' || !this.#hasWritten || !socket?.writable) return false
    return socket.writableLength === 0 && !this.raw.writableNeedDrain
  }

  /** Whether it is the client that its backend waits for. */
  get isLagging(): boolean {
    return this.raw.writableNeedDrain
  }

  /** Writes pieces of a body, where the client keeps up; whole chunks pass as they are to whoever reads chunks. */
  writePieces(bytes: Buffer, ranges: readonly number[], areChunks: boolean): void {
    const { socket, chunkedEncoding } = this.raw
    // Past Node's reply, which would frame them anew: it has nothing left to write, or would not be up to date.
    if (areChunks && chunkedEncoding) socket?.write(bytes)
    else
      for (let at = 0; at < ranges.length; at += 2)
        this.#put(bytes.subarray(ranges[at], ranges[at + 1]))
  }

  /** Ends the reply as complete. */
  end(trailers: readonly Buffer[] | readonly string[] | null): void {
    const isCollected = this.#state === 'collecting'
    this.#state = 'over'
    if (isCollected) {
      this.#tellHeld(this.#waiting?.refusal(Buffer.concat(this.#collected)))
      return
    }
    if (trailers && trailers.length > 0) this.raw.addTrailers(trailerLines(trailers))
    if (this.#first) this.#putWhole(this.#first)
    this.raw.end()
  }

  /** Tells the client of an error after heartbeats have fixed the status. */
  fail(error: GatehouseError): void {
    this.#state = 'over'
    this.#tellHeld(this.#waiting?.failure(error))
  }

  /** Ends the reply so that nobody takes it for complete, after these words where there are any. */
  breakOff(lastWords?: string): void {
    this.flush() // what came with its end is still told
    this.#state = 'over'
    if (lastWords === undefined || this.raw.destroyed) {
      this.#cut()
      return
    }
    const cut = () => this.#cut()
    const late = setTimeout(cut, LAST_WORDS_MS).unref()
    this.raw.write(lastWords, () => {
      clearTimeout(late)
      cut()
    })
  }

  /** From now on the reply is an event stream, into which words can be put where this says so. */
  streamsEvents(isBetweenEvents: () => boolean): void {
    this.#isBetweenEvents = isBetweenEvents
  }

  /** Writes something that means nothing to a client, so that one which is gone shows; false: not now. */
  probe(): boolean {
    if (this.raw.writableEnded || this.raw.destroyed) return false
    if (this.isHeld) return this.#write(this.#waiting?.beat ?? '')
    if (this.hasBegun || this.raw.headersSent)
      return this.#isBetweenEvents() && this.#write(':\n\n')
    if (this.raw.req.httpVersionMinor < 1) return false
    this.interim(100, STATUS_CODES[100] ?? '', [])
    return true
  }

  /** The first short piece waits for the rest of its tick: a short reply leaves in one piece, its head included. */
  #pass(chunk: Buffer): boolean {
    if (!this.#hasWritten && !this.#first && chunk.length <= SHORT_BYTES) {
      this.#first = chunk
      return true
    }
    if (this.#first) this.flush()
    const goesOn = this.#put(chunk)
    this.#hasWritten = true
    return goesOn
  }

  /** Writes a short piece and its frame as one text of its bytes, which Node sends for half of what buffers cost. */
  #put(chunk: Buffer): boolean {
    const { raw } = this
    if (chunk.length > SHORT_BYTES || chunk.length === 0) return raw.write(chunk)
    const text = chunk.toString('latin1')
    if (!raw.chunkedEncoding) return raw.write(text, 'latin1')
    const framed = `${chunk.length.toString(16)}\r\n${text}\r\n`
    if (this.keepsUp) return raw.socket?.write(framed, 'latin1') !== undefined
    raw.chunkedEncoding = false
    const goesOn = raw.write(framed, 'latin1')
    raw.chunkedEncoding = true
    return goesOn
  }

  /** Not held back until `end`, which would add an empty piece to it. */
  #putWhole(chunk: Buffer): void {
    this.#first = undefined
    const { socket } = this.raw
    const isLast = !this.raw.chunkedEncoding
    if (isLast) socket?.cork()
    this.#put(chunk)
    if (isLast) socket?.uncork()
  }

  #write(words: string): true {
    this.raw.write(words)
    return true
  }

  /** Node announces trailers only where it can send them: behind chunks. */
  #fit({ lines, hasTrailers, hasLength }: ReplyHead): string[] {
    if (!hasTrailers || (!hasLength && this.raw.req.httpVersionMinor > 0)) return lines
    return lines.filter((_part, at) => lines[at - (at % 2)]?.toLowerCase() !== 'trailer')
  }

  #hold(waiting: Waiting): void {
    this.#reply.hijack()
    this.#state = 'held'
    this.#waiting = waiting
    this.raw.writeHead(200, waiting.headers)
  }

  /** Words that are no whole answer in the caller's API are followed by a break. */
  #tellHeld(words: { text: string; isWhole: boolean } | undefined): void {
    if (words?.isWhole) this.raw.end(words.text)
    else this.breakOff(words?.text)
  }

  /** A reply that ends with its connection would look complete if that ended in order: it is reset. */
  #cut(): void {
    const { raw } = this
    // Not in this tick: what was written in it has not left yet.
    if (raw.chunkedEncoding || this.#hasLength) return void setImmediate(() => raw.destroy())
    // `resetAndDestroy` ends the socket in order before it resets it.
    Object.assign(raw.socket ?? {}, RESET)
    // A client that finds bytes and a reset together takes them for an end (libuv, uv__stream_io).
    setTimeout(() => raw.destroy(), RESET_AFTER_MS)
  }
}

/** A body that the backend has not taken whole when its answer ends takes the connection with it (undici's writeStream). */
function isStillRead(req: IncomingMessage): boolean {
  return !req.complete || (hasBody(req) && !req.readableEnded)
}

function ignore(): void {}

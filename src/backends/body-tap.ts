import type { Socket } from 'node:net'
import { Chunks } from './chunks.js'

/** Pieces of a body, where they stand in what was read. */
export interface Pieces {
  readonly bytes: Buffer
  /** Begin, end, begin, end. */
  readonly ranges: readonly number[]
  /** Whether the bytes are whole chunks, frames included, and nothing else. */
  readonly areChunks: boolean
}

/** Returns false where it cannot take these pieces now: they then come as data, as others do. */
export type TakePieces = (pieces: Pieces) => boolean

const END_OF_HEAD = '\r\n\r\n'
const FINAL_HEAD = /^HTTP\/1\.[01] [2-5]/
const STATUS_BYTES = 'HTTP/1.1 2'.length
const MINOR_VERSION_AT = 'HTTP/1.'.length
const ONE = 0x31
const LF = 10

/**
 * Hands over what is read of a streamed body before undici's parser has copied it, which is most of what an event
 * costs. Undici then sees an answer with a shorter body, whose begin and end it still parses itself; whatever is not
 * plain goes through it. One for each connection.
 */
export class BodyTap {
  readonly #socket: Socket
  /** The read that the head came in; null: it is none that can be followed. */
  #head: Buffer | null | undefined
  #chunks: Chunks | undefined
  #isRest = false
  #take: TakePieces | undefined
  #isHeld = false
  #hasEnded = false

  constructor(socket: Socket) {
    this.#socket = socket
    const push = socket.push.bind(socket)
    // What Node calls with each read (lib/internal/stream_base_commons.js, onStreamRead).
    socket.push = (bytes: Buffer | null, encoding?: BufferEncoding) =>
      (bytes === null ? this.#keepsEnd() : this.#takes(bytes)) || push(bytes, encoding)
  }

  /**
   * Undici's parser waits for the client, and must not hear meanwhile that the connection has ended: it would take
   * the body for broken, or throw where nobody can catch it (nodejs/undici#5360).
   */
  hold(): void {
    this.#isHeld = true
  }

  /** Undici's parser goes on, unless it is held again in the same tick. */
  letGo(): void {
    this.#isHeld = false
    if (this.#hasEnded) process.nextTick(tellEnd, this)
  }

  /** What Node does with the end, later. */
  tellEnd(): void {
    if (this.#isHeld || this.#socket.destroyed) return
    this.#socket.push(null)
    this.#socket.read(0)
  }

  /** A request is sent: what is read next is the head of its answer. */
  reset(): void {
    this.#head = undefined
    this.#chunks = undefined
    this.#isRest = false
    this.#take = undefined
    this.letGo()
  }

  /** Called by whoever hears of the final head, while undici still parses the read that it came in. */
  headCame(lines: readonly Buffer[]): void {
    const read = this.#head
    this.#head = null
    const body = read && bodyIn(read, lines.length / 2)
    if (!body) return
    const framing = framingOf(lines)
    this.#isRest = framing === 'rest'
    // What an older server means by chunks is not known.
    if (framing === 'chunks' && read[MINOR_VERSION_AT] === ONE) this.#chunks = followed(body)
  }

  /** This answer is read as any other. */
  close(): void {
    this.#head = null
  }

  /** From now on whole pieces go there, if this answer's can be told. */
  open(take: TakePieces): void {
    if (this.#isRest || this.#chunks) this.#take = take
  }

  #keepsEnd(): boolean {
    this.#hasEnded = true
    return this.#isHeld
  }

  #takes(bytes: Buffer): boolean {
    if (this.#head !== null) {
      this.#head = this.#head === undefined && isFinalHead(bytes) ? bytes : null
      return false
    }
    const isWhole = this.#isRest || this.#areWholeChunks(bytes)
    // What undici has not parsed yet comes before these.
    return isWhole && this.#socket.readableLength === 0 && this.#handOver(bytes)
  }

  #areWholeChunks(bytes: Buffer): boolean {
    if (!this.#chunks) return false
    const areWhole = this.#chunks.pass(bytes)
    if (this.#chunks.isLost) this.#forget()
    return areWhole
  }

  /** An idle connection would keep all that belongs to its last answer. */
  #forget(): void {
    this.#chunks = undefined
    this.#take = undefined
  }

  #handOver(bytes: Buffer): boolean {
    const { ranges } = this.#chunks ?? { ranges: [0, bytes.length] }
    return this.#take?.({ bytes, ranges, areChunks: !this.#isRest }) ?? false
  }
}

function tellEnd(tap: BodyTap): void {
  tap.tellEnd()
}

/** How the end of a body shows (RFC 9112 6.3): by its last chunk, or by the connection's end; undefined: by neither. */
function framingOf(lines: readonly Buffer[]): 'chunks' | 'rest' | undefined {
  let framing: 'chunks' | 'rest' | undefined = 'rest'
  for (let at = 0; at < lines.length; at += 2) {
    const name = lines[at]?.toString('latin1').toLowerCase()
    if (name === 'content-length') return undefined
    if (name !== 'transfer-encoding') continue
    if (framing === 'chunks' || lines[at + 1]?.toString('latin1') !== 'chunked') return undefined
    framing = 'chunks'
  }
  return framing
}

function isFinalHead(bytes: Buffer): boolean {
  return FINAL_HEAD.test(bytes.toString('latin1', 0, STATUS_BYTES))
}

/** What follows the head; undefined unless that is exactly these lines as undici has read them. */
function bodyIn(read: Buffer, lineCount: number): Buffer | undefined {
  const end = read.indexOf(END_OF_HEAD)
  if (end < 0) return undefined
  let count = 0
  for (let at = read.indexOf(LF); at >= 0 && at <= end + 1; at = read.indexOf(LF, at + 1))
    count += 1
  return count === lineCount + 1 ? read.subarray(end + END_OF_HEAD.length) : undefined
}

function followed(body: Buffer): Chunks | undefined {
  const chunks = new Chunks()
  chunks.pass(body)
  return chunks.isLost ? undefined : chunks
}

/** The kinds of frames (RFC 6455 5.2) that the gateway knows. */
export const TEXT = 0x1
export const CLOSE = 0x8
export const PING = 0x9
export const PONG = 0xa

/** Why a WebSocket is closed (RFC 6455 7.4.1). */
export const NORMAL = 1000
export const PROTOCOL_ERROR = 1002
const TOO_BIG = 1009

/** Clients have nothing to say here that is longer. */
const MAX_PAYLOAD = 64 * 1024 - 1
const MASK_BYTES = 4
const FIN = 0x80
const MASKED = 0x80
const WHOLE_LENGTH = 0x7f

/** One frame of a client's. */
export interface Frame {
  readonly opcode: number
  readonly payload: Buffer
  /** With its head. */
  readonly size: number
}

/** The frame at the begin of what a client sent; undefined: it is not whole yet; a number: why to close. */
export function frameAt(bytes: Buffer): Frame | number | undefined {
  if (bytes.length < 2) return undefined
  const second = bytes.readUInt8(1)
  if (second < MASKED) return PROTOCOL_ERROR // a client masks (RFC 6455 5.1)
  const short = second & WHOLE_LENGTH
  if (short === 127) return TOO_BIG
  const maskAt = short === 126 ? 4 : 2
  if (bytes.length < maskAt) return undefined
  const length = short === 126 ? bytes.readUInt16BE(2) : short
  const size = maskAt + MASK_BYTES + length
  if (bytes.length < size) return undefined
  return { opcode: bytes.readUInt8(0) & 0xf, payload: unmasked(bytes.subarray(maskAt, size)), size }
}

/** A whole frame of the gateway's; nothing here is longer than a frame with a length of 64 bits. */
export function frameOf(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const head = Buffer.alloc(length < 126 ? 2 : length <= MAX_PAYLOAD ? 4 : 10)
  head.writeUInt8(FIN | opcode, 0)
  head.writeUInt8(length < 126 ? length : length <= MAX_PAYLOAD ? 126 : 127, 1)
  if (head.length === 4) head.writeUInt16BE(length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

/** The frame that says why a WebSocket is closed. */
export function closing(code: number): Buffer {
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return frameOf(CLOSE, payload)
}

function unmasked(bytes: Buffer): Buffer {
  const payload = Buffer.from(bytes.subarray(MASK_BYTES))
  for (const [at, byte] of payload.entries()) payload[at] = byte ^ (bytes[at % MASK_BYTES] ?? 0)
  return payload
}

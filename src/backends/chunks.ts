const CR = 13
const LF = 10
/** Hexadecimal digits of a length: more would be no chunk that somebody streams. */
const MOST_DIGITS = 6
const CRLF_BYTES = 2

/**
 * Follows the chunks of a body (RFC 9112 7.1) through what is read of it, copying nothing. It knows the plain form
 * only, a length without extensions; at anything else, the last chunk included, it is lost and says nothing any more.
 */
export class Chunks {
  /** Where the data of each chunk in the last bytes is: begin, end, begin, end. */
  readonly ranges: number[] = []
  #isLost = false
  /** What is still to come of a chunk that has begun, the line break behind it included. */
  #leftBytes = 0

  get isLost(): boolean {
    return this.#isLost
  }

  /** Whether these next bytes of the body are whole chunks and nothing else. */
  pass(bytes: Buffer): boolean {
    const isAtBorder = this.#leftBytes === 0
    let at = isAtBorder ? 0 : this.#skip(bytes, 0)
    this.ranges.length = 0
    while (at < bytes.length && !this.#isLost) at = this.#chunk(bytes, at)
    return isAtBorder && this.#leftBytes === 0 && !this.#isLost
  }

  #chunk(bytes: Buffer, begin: number): number {
    let at = begin
    let length = 0
    for (let digit = digitOf(bytes[at]); digit >= 0; digit = digitOf(bytes[at])) {
      length = length * 16 + digit
      at += 1
    }
    const isPlain = at > begin && at - begin <= MOST_DIGITS && isLineBreak(bytes, at)
    if (!isPlain || length === 0) return this.#lose(begin)
    const data = at + CRLF_BYTES
    const end = data + length
    this.#leftBytes = length + CRLF_BYTES
    if (end + CRLF_BYTES > bytes.length) return this.#skip(bytes, data)
    if (!isLineBreak(bytes, end)) return this.#lose(begin)
    this.ranges.push(data, end)
    this.#leftBytes = 0
    return end + CRLF_BYTES
  }

  #skip(bytes: Buffer, at: number): number {
    const skipped = Math.min(this.#leftBytes, bytes.length - at)
    this.#leftBytes -= skipped
    return at + skipped
  }

  #lose(at: number): number {
    this.#isLost = true
    return at
  }
}

function isLineBreak(bytes: Buffer, at: number): boolean {
  return bytes[at] === CR && bytes[at + 1] === LF
}

/** The value of a hexadecimal digit; -1: it is none. */
function digitOf(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const upper = byte & ~0x20
  return upper >= 0x41 && upper <= 0x46 ? upper - 0x37 : -1
}

import type { Socket } from 'node:net'

const CONTINUE = /^HTTP\/1\.[01] 100/
/** Any interim head but that of a switch, behind which something else than HTTP comes. */
const INTERIM = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r\n]/
const INTERIM_BEGIN = /^HTTP\/1\.[01] 1\d?\d?$/
const SHORTEST_HEAD = 'HTTP/1.1 100 '.length
const LONGEST_HEAD = 4096
const END_OF_HEAD = '\r\n\r\n'

/**
 * Drops each `100 Continue` that comes ahead of a final answer: a backend may send one unasked (RFC 9110 15.2), and
 * undici ends the connection over it. `awaitsHead` says whether what is read next is the head of an answer.
 */
export function filterContinue(socket: Socket, awaitsHead: () => boolean): void {
  const read = socket.read.bind(socket)
  let held: Buffer | undefined
  const filter = (chunk: Buffer) => {
    const rest = withoutContinue(held ? Buffer.concat([held, chunk]) : chunk)
    held = rest.isWhole ? undefined : rest.bytes
    return rest.isWhole && rest.bytes.length > 0 ? rest.bytes : null
  }
  socket.read = (size?: number) => {
    const chunk: Buffer | null = read(size)
    if (chunk === null) return null
    return held || (awaitsHead() && mayBeInterim(chunk)) ? filter(chunk) : chunk
  }
}

interface Rest {
  readonly bytes: Buffer
  /** False: what is left may be the begin of a `100 Continue`, and more of it must come. */
  readonly isWhole: boolean
}

/** A `100 Continue` may stand behind other interim heads, such as early hints. */
function withoutContinue(bytes: Buffer): Rest {
  const kept: Buffer[] = []
  let rest = bytes
  while (mayBeInterim(rest)) {
    const end = rest.indexOf(END_OF_HEAD)
    if (end < 0) {
      return { bytes: Buffer.concat([...kept, rest]), isWhole: rest.length > LONGEST_HEAD }
    }
    const next = end + END_OF_HEAD.length
    if (!CONTINUE.test(beginOf(rest))) kept.push(rest.subarray(0, next))
    rest = rest.subarray(next)
  }
  return { bytes: kept.length > 0 ? Buffer.concat([...kept, rest]) : rest, isWhole: true }
}

function mayBeInterim(bytes: Buffer): boolean {
  if (bytes.length === 0 || bytes[0] !== 0x48) return false
  const begin = beginOf(bytes)
  if (begin.length === SHORTEST_HEAD) return INTERIM.test(begin)
  return 'HTTP/1.1 '.startsWith(begin) || 'HTTP/1.0 '.startsWith(begin) || INTERIM_BEGIN.test(begin)
}

function beginOf(bytes: Buffer): string {
  return bytes.toString('latin1', 0, SHORTEST_HEAD)
}

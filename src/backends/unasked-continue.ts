import type { Socket } from 'node:net'

const CONTINUE = /^HTTP\/1\.[01] 100[ \r\n]/
const SHORTEST_HEAD = 'HTTP/1.1 100 '.length
const LONGEST_HEAD = 1024
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
    return held || (awaitsHead() && mayBeContinue(chunk)) ? filter(chunk) : chunk
  }
}

interface Rest {
  readonly bytes: Buffer
  /** False: what is left may be the begin of a `100 Continue`, and more of it must come. */
  readonly isWhole: boolean
}

function withoutContinue(bytes: Buffer): Rest {
  let rest = bytes
  while (mayBeContinue(rest)) {
    const end = rest.indexOf(END_OF_HEAD)
    if (end < 0) return { bytes: rest, isWhole: rest.length > LONGEST_HEAD }
    rest = rest.subarray(end + END_OF_HEAD.length)
  }
  return { bytes: rest, isWhole: true }
}

function mayBeContinue(bytes: Buffer): boolean {
  if (bytes.length === 0 || bytes[0] !== 0x48) return false
  const begin = bytes.toString('latin1', 0, SHORTEST_HEAD)
  if (begin.length === SHORTEST_HEAD) return CONTINUE.test(begin)
  return 'HTTP/1.1 100 '.startsWith(begin) || 'HTTP/1.0 100 '.startsWith(begin)
}

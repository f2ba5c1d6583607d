import { connectionNames, eachLine, HOP_BY_HOP, lineValue } from './headers.js'
import { type Mount, outerLocation } from './location.js'

/** Says which backend answered, also to programs behind another gateway of ours. */
export const BACKEND_HEADER = 'x-gatehouse-backend'
/** Says how many were before a request that had to wait, and for how many seconds it was to. */
export const QUEUE_HEADER = 'x-gatehouse-queue'
/** Of no use behind a message that was read without them (RFC 9110 6.5.1). */
const NO_TRAILER =
  /^(?:authorization|cache-control|connection|content-.*|cookie|host|keep-alive|set-cookie|te|trailer|transfer-encoding)$/i

/** The head of a backend's answer, ready for the client, and what it says of the body. */
export interface ReplyHead {
  /** Name, value, name, value: the backend's lines that are not about its own connection, and ours. */
  readonly lines: string[]
  readonly contentType: string
  readonly hasLength: boolean
  /** Whether its end shows before the connection's does. */
  readonly isDelimited: boolean
  readonly hasTrailers: boolean
  /** Whether its body has a coding that its head must tell of. */
  readonly isPacked: boolean
}

export interface HeadContext {
  readonly requestId: string
  /** Undefined: it did not wait. */
  readonly queue: string | undefined
  /** The name of the backend that answers. */
  readonly backend: string
  readonly mount: Mount
}

/** Reads a head as it came (name, value, name, value). */
export function readReplyHead(
  raw: readonly Buffer[],
  { requestId, queue, backend, mount }: HeadContext,
): ReplyHead {
  const received = textsOf(raw)
  const named = connectionNames(received)
  const told = (name: string) => lineValue(received, name)
  const lines: string[] = []
  eachLine(received, (name, value) => {
    const lower = name.toLowerCase()
    if (HOP_BY_HOP.has(lower) || named.has(lower) || lower === BACKEND_HEADER) return
    lines.push(name, lower === 'location' ? outerLocation(value, mount) : value)
  })
  const contentType = told('content-type') ?? ''
  const hasLength = told('content-length') !== undefined
  if (isEventStream(contentType) && told('x-accel-buffering') === undefined)
    lines.push('x-accel-buffering', 'no')
  if (told('x-request-id') === undefined) lines.push('x-request-id', requestId)
  if (queue !== undefined) lines.push(QUEUE_HEADER, queue)
  lines.push(BACKEND_HEADER, backend)
  return {
    lines,
    contentType,
    hasLength,
    isDelimited: hasLength || told('transfer-encoding') !== undefined,
    hasTrailers: told('trailer') !== undefined,
    isPacked: (told('content-encoding') ?? 'identity') !== 'identity',
  }
}

/** The bytes of a head, one character each. */
export function textsOf(raw: readonly Buffer[]): string[] {
  const texts: string[] = []
  for (const part of raw) texts.push(part.toString('latin1'))
  return texts
}

/** Whether a 101 is the one that was asked for. */
export function switchesToWebSocket(raw: readonly Buffer[]): boolean {
  return lineValue(textsOf(raw), 'upgrade')?.toLowerCase() === 'websocket'
}

/** Whether a content type is that of an event stream. */
export function isEventStream(contentType: string): boolean {
  return contentType.startsWith('text/event-stream')
}

/** The trailers of a reply that may be passed on. */
export function trailerLines(received: readonly (Buffer | string)[]): [string, string][] {
  const lines: [string, string][] = []
  for (let at = 0; at + 1 < received.length; at += 2) {
    const name = received[at]?.toString('latin1') ?? ''
    if (!NO_TRAILER.test(name)) lines.push([name, received[at + 1]?.toString('latin1') ?? ''])
  }
  return lines
}

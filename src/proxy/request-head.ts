import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type ErrorCode, GatehouseError } from '../errors.js'
import { isAuthority } from './target.js'

/** 0: no limit. */
export interface HeadLimits {
  readonly maxUrlBytes: number
  readonly maxHeaders: number
}

/** As bad as two lines where only one may be. */
const UNSOUND = 2

/**
 * Makes what each request's head must pass first; it throws a GatehouseError whose answer ends the connection.
 * Node's parser refuses most of what is odd by itself; this is for what it lets through (RFC 9112 3.2, 6.1).
 */
export function createHeadCheck(limits: HeadLimits): (raw: IncomingMessage) => void {
  // The parser goes on to what came in the same packet behind a head that it took for a sound one.
  const refused = new WeakSet<Socket>()
  const most = {
    maxUrlBytes: limits.maxUrlBytes === 0 ? Number.POSITIVE_INFINITY : limits.maxUrlBytes,
    maxHeaders: limits.maxHeaders === 0 ? Number.POSITIVE_INFINITY : limits.maxHeaders,
  }
  return (raw) => {
    const fault = refused.has(raw.socket) ? 'GATEHOUSE_BAD_REQUEST' : faultOf(raw, most)
    if (fault === undefined) return
    refused.add(raw.socket)
    throw new GatehouseError(fault)
  }
}

function faultOf(raw: IncomingMessage, limits: HeadLimits): ErrorCode | undefined {
  if ((raw.url ?? '').length > limits.maxUrlBytes) return 'GATEHOUSE_URL_TOO_LONG'
  if (raw.rawHeaders.length > 2 * limits.maxHeaders) return 'GATEHOUSE_HEADER_TOO_LARGE'
  if (!hasSoundTarget(raw) || !hasSoundLines(raw) || !hasSoundLength(raw)) {
    return 'GATEHOUSE_BAD_REQUEST'
  }
  return hasKnownExpectation(raw) ? undefined : 'GATEHOUSE_BAD_EXPECTATION'
}

/** Of a request about the gateway as a whole, or one that a path names. */
function hasSoundTarget({ url = '', method }: IncomingMessage): boolean {
  return url.startsWith('/') || (url === '*' && method === 'OPTIONS')
}

/** One host, which only HTTP/1.0 may leave out, and one way to find the body's end, which that does not know. */
function hasSoundLines({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  const hosts = tally(rawHeaders, 'host', isAuthority)
  const codings = tally(rawHeaders, 'transfer-encoding', isChunked)
  if (httpVersion === '1.1') return hosts === 1 && codings <= 1
  return httpVersion === '1.0' && hosts <= 1 && codings === 0
}

/** How many lines have this name, or UNSOUND once the value of one is. */
function tally(
  lines: readonly string[],
  name: string,
  isSound: (value: string) => boolean,
): number {
  let count = 0
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const found = lines[at] ?? ''
    if (found.length !== name.length || found.toLowerCase() !== name) continue
    if (!isSound(lines[at + 1] ?? '')) return UNSOUND
    count += 1
  }
  return count
}

function isChunked(value: string): boolean {
  return value.toLowerCase() === 'chunked'
}

/** Beyond this, two who count the same digits may find different numbers. */
function hasSoundLength({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return length === undefined || Number(length) <= Number.MAX_SAFE_INTEGER
}

/** HTTP/1.0 does not know expectations: there, they are not looked at (RFC 9110 10.1.1). */
function hasKnownExpectation({ headers: { expect }, httpVersion }: IncomingMessage): boolean {
  return expect === undefined || httpVersion === '1.0' || expect.toLowerCase() === '100-continue'
}

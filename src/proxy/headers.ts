/**
 * Header lines as flat lists (name, value, name, value): order, repeats and spelling survive both ways.
 * Duties and their sources: RFC 9110 7.6.1 (hop-by-hop), 7.6.3 (Via); RFC 9112 6 (framing).
 */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
])
/**
 * Written anew towards the backend, or not at all: `expect` has been answered by us already, and the trailers of a
 * request are dropped.
 */
const REQUEST_OWN = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'expect',
  'trailer',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
])
const VIA = '1.1 gatehouse'
/** Of those, what our own lines go on from. */
const ADDED_TO = new Set([
  'host',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
])
/** The usual values of a Connection line, which name no other line. */
const PLAIN = new Set(['close', 'keep-alive'])
const NO_NAMES: ReadonlySet<string> = new Set()

/** What a request's head says of its sender. */
export interface Sender {
  /** Address of the peer that is connected to us. */
  readonly address: string
  /** Whether the peer's own X-Forwarded-* lines are believed. */
  readonly trusted: boolean
  /** The name of this one request, in our log and in the backend's. */
  readonly requestId: string
}

/** The lines to send to a backend: the client's end-to-end lines, then our own. */
export function requestLines(rawHeaders: readonly string[], sender: Sender): string[] {
  const lines: string[] = []
  const theirs = new Map<string, string>()
  const named = connectionNames(rawHeaders)
  eachLine(rawHeaders, (name, value) => {
    const lower = name.toLowerCase()
    if (named.has(lower)) return
    if (!REQUEST_OWN.has(lower)) lines.push(name, value)
    else if (ADDED_TO.has(lower)) theirs.set(lower, joined(theirs.get(lower), value))
  })
  return addOwnLines(lines, theirs, sender)
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`
}

function addOwnLines(lines: string[], theirs: Map<string, string>, sender: Sender): string[] {
  const believed = (name: string) => (sender.trusted ? theirs.get(name) : undefined)
  const before = believed('x-forwarded-for')
  const via = theirs.get('via')
  const host = believed('x-forwarded-host') ?? theirs.get('host')
  lines.push('x-forwarded-for', before ? `${before}, ${sender.address}` : sender.address)
  if (host) lines.push('x-forwarded-host', host)
  lines.push('x-forwarded-proto', believed('x-forwarded-proto') ?? 'http')
  lines.push('via', via ? `${via}, ${VIA}` : VIA, 'x-request-id', sender.requestId)
  return lines
}

/** A whole head: its first line, its lines (name, value, name, value), and the empty one. */
export function headText(first: string, lines: readonly string[]): string {
  const head = [first]
  eachLine(lines, (name, value) => head.push(`${name}: ${value}`))
  return `${head.join('\r\n')}\r\n\r\n`
}

/** The value of the first line with this name (in lower case). */
export function lineValue(lines: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < lines.length; at += 2) {
    if (isName(lines[at], name)) return lines[at + 1]
  }
  return undefined
}

function isName(found: string | undefined, name: string): boolean {
  return found?.length === name.length && found.toLowerCase() === name
}

/** The names that the Connection lines declare to be of this hop only. */
export function connectionNames(lines: readonly string[]): ReadonlySet<string> {
  let declared: ReadonlySet<string> = NO_NAMES
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const value = lines[at + 1] ?? ''
    if (!isName(lines[at], 'connection')) continue
    if (PLAIN.has(value.toLowerCase())) continue
    const names = value.split(',').map((name) => name.trim().toLowerCase())
    declared = new Set([...declared, ...names])
  }
  return declared
}

export function eachLine(
  lines: readonly string[],
  visit: (name: string, value: string) => void,
): void {
  for (let at = 0; at + 1 < lines.length; at += 2) visit(lines[at] ?? '', lines[at + 1] ?? '')
}

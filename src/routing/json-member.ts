const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const ESCAPE = '\\u'
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])
const MAX_TEXT_BYTES = 1024
// Beyond this a text is searched for its end natively: pictures and prompts, not names.
const LONG_TEXT_BYTES = 256

/** Where a value stands in a body: from `start` up to, not including, `end`. */
export interface JsonPlace {
  readonly start: number
  readonly end: number
}

/**
 * The text under this key at the top level of a JSON object, the last one if there are several, read without parsing
 * the rest: a body may be a long prompt or a picture. The same as JSON.parse finds in whatever JSON.parse accepts, up
 * to 1 KiB; in anything else, no promise but that it does not throw.
 */
export function jsonText(body: Buffer, key: string): string | undefined {
  const place = jsonMember(body, key)
  return place && textAt(body, place.start, place.end)
}

/** Whether the value under this key at the top level of a JSON object is `true`. */
export function jsonIsTrue(body: Buffer, key: string): boolean {
  const place = jsonMember(body, key)
  return place !== undefined && body.toString('latin1', place.start, place.start + 4) === 'true'
}

/** Where the members of a JSON object begin, behind its brace; undefined: the body is no object. */
export function jsonObjectStart(body: Buffer): number | undefined {
  const at = afterSpace(body, body.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0)
  return body[at] === OPEN_OBJECT ? at + 1 : undefined
}

/** Where the value of this key stands at the top level of a JSON object, the last one if there are several. */
export function jsonMember(body: Buffer, key: string): JsonPlace | undefined {
  const members = jsonObjectStart(body)
  // Most bodies do not have it, which is seen natively; only with an escape could it be written otherwise.
  if (members === undefined || !(body.includes(`"${key}"`) || body.includes(ESCAPE)))
    return undefined
  let last: JsonPlace | undefined
  let at = afterSpace(body, members)
  while (body[at] === QUOTE) {
    const keyEnd = textEnd(body, at + 1)
    const start = afterSpace(body, afterByte(body, keyEnd + 1, COLON))
    const end = afterValue(body, start)
    if (isKey(body, { start: at, end: keyEnd }, key)) last = { start, end }
    at = afterSpace(body, afterByte(body, end, COMMA))
  }
  return last
}

/** A letter of a key may be written as an escape of six. */
function isKey(body: Buffer, { start, end }: JsonPlace, key: string): boolean {
  return end - start - 1 <= key.length * 6 && textAt(body, start, end + 1) === key
}

/** The text that stands from its opening quote at `start` up to `end`; undefined if it is no text. */
function textAt(body: Buffer, start: number, end: number): string | undefined {
  if (body[start] !== QUOTE || end - start - 2 > MAX_TEXT_BYTES) return undefined
  const json = body.toString('utf8', start, end)
  if (!json.includes('\\')) return json.slice(1, -1)
  try {
    return String(JSON.parse(json))
  } catch {
    // A bad escape: the backend will say so, and as a name it matches nothing.
    return undefined
  }
}

function afterValue(body: Buffer, start: number): number {
  const first = body[start]
  if (first === QUOTE) return textEnd(body, start + 1) + 1
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return afterNested(body, start)
  let at = start
  while (at < body.length && !endsScalar(body[at])) at++
  return at
}

function endsScalar(byte: number | undefined): boolean {
  return byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY
}

function afterNested(body: Buffer, start: number): number {
  let depth = 0
  for (let at = start; at < body.length; at++) {
    const byte = body[at]
    if (byte === QUOTE) at = textEnd(body, at + 1)
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) return at + 1
  }
  return body.length
}

/** Where the closing quote of a text stands; the body's length if there is none. */
function textEnd(body: Buffer, start: number): number {
  let at = start
  while (at < body.length) {
    const near = walkText(body, at)
    if (body[near] === QUOTE) return near
    const quote = body.indexOf(QUOTE, near)
    if (quote === -1) break
    if (!isEscaped(body, near, quote)) return quote
    at = quote + 1
  }
  return body.length
}

/** The closing quote if it is near, else a place within the text that is not escaped. */
function walkText(body: Buffer, start: number): number {
  const stop = Math.min(start + LONG_TEXT_BYTES, body.length)
  let at = start
  while (at < stop && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1
  return at
}

/** Does an odd number of backslashes stand before this place? `from` is known not to be escaped. */
function isEscaped(body: Buffer, from: number, place: number): boolean {
  let first = place
  while (first > from && body[first - 1] === BACKSLASH) first--
  return (place - first) % 2 === 1
}

function afterByte(body: Buffer, start: number, byte: number): number {
  const at = afterSpace(body, start)
  return body[at] === byte ? at + 1 : at
}

function afterSpace(body: Buffer, start: number): number {
  let at = start
  while (isSpace(body[at])) at++
  return at
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

// Plain names with single slashes between: what nearly every request has. `/lcpp` is looked at apart.
const CLEAN = /^(?:\/[\w~-][\w.~-]*)+$/
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})|%[01][0-9A-Fa-f]|%7[Ff]/
// An escape, or a character that RFC 3986 does not allow in a path as it is.
const TO_SETTLE = /%[0-9A-Fa-f]{2}|[^\w.~!$&'()*+,;=:@/%-]/g
const UNRESERVED = /^[\w.~-]$/
const DOT_SEGMENT = /(?:\/|%2F|%5C)\.\.?(?:\/|%2F|%5C|$)/

/**
 * The one form of a request target's path that rules are matched on: without query, double and
 * trailing slashes and leading `/lcpp`, unreserved characters decoded once, all others that need it
 * escaped in upper case. `/lcpp` alone stays, as it is a page. A slash or backslash in an escape never
 * becomes a separator. undefined: must be answered with 400 (a dot segment in any encoding, a control
 * character, a bad escape, a fragment, no slash in front).
 */
export function normalisePath(url: string): string | undefined {
  const query = url.indexOf('?')
  const path = query === -1 ? url : url.slice(0, query)
  if (CLEAN.test(path) && !path.startsWith('/lcpp/')) return path
  return path === '/' ? path : settle(path)
}

function settle(path: string): string | undefined {
  if (!path.startsWith('/') || BAD_ESCAPE.test(path) || hasForbiddenCharacter(path))
    return undefined
  const settled = path.replace(TO_SETTLE, settleCharacter)
  if (DOT_SEGMENT.test(settled)) return undefined
  return withoutMount(withoutSpareSlashes(settled))
}

// Node hands over the target with one character per byte, so above 0xff nothing came by wire.
function hasForbiddenCharacter(path: string): boolean {
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at)
    if (code < 0x20 || code === 0x7f || code === 0x23 || code > 0xff) return true
  }
  return false
}

function settleCharacter(found: string): string {
  if (found.length === 1) return escapeOf(found.charCodeAt(0))
  const code = Number.parseInt(found.slice(1), 16)
  const character = String.fromCharCode(code)
  return UNRESERVED.test(character) ? character : escapeOf(code)
}

function escapeOf(code: number): string {
  return `%${code.toString(16).toUpperCase().padStart(2, '0')}`
}

function withoutSpareSlashes(path: string): string {
  const single = path.replace(/\/{2,}/g, '/')
  return single.length > 1 && single.endsWith('/') ? single.slice(0, -1) : single
}

// Every leading /lcpp, not only one, so that the result is the same when normalised again.
function withoutMount(path: string): string {
  let start = 0
  while (path.startsWith('/lcpp/', start)) start += '/lcpp'.length
  return path.slice(start)
}

import type { IncomingMessage } from 'node:http'

/** `host [":" port]` of RFC 3986, 3.2: a name, an IPv4 address, or in brackets an IPv6 address or a later one. */
const AUTHORITY =
  /^(?:\[(?:[\da-f:.]+|v[\da-f]+\.[\w.~!$&'()*+,;=:-]+)\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})*)(?::\d*)?$/i
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i
const SLASH = 47

/** Whether this may stand in a Host line; that it is empty is allowed there. */
export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text)
}

/**
 * The target of a request as a server is asked for it: `http://name/path` becomes `/path`, and `name` the host that
 * the request's lines say (RFC 9112 3.2.2). What cannot be told apart so is returned as it came, for the head check
 * to refuse.
 */
export function toOriginForm(raw: IncomingMessage): string {
  const url = raw.url ?? ''
  if (url.charCodeAt(0) === SLASH) return url
  const [, authority = '', rest = ''] = ABSOLUTE.exec(url) ?? []
  if (authority === '' || authority.startsWith(':') || !isAuthority(authority)) return url
  replaceHost(raw, authority)
  if (rest === '' && raw.method === 'OPTIONS') return '*' // RFC 9112 3.2.4
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** Only a sound line is replaced, and a missing one written only where it may be missing: the rest is refused. */
function replaceHost({ rawHeaders, headers, httpVersion }: IncomingMessage, host: string): void {
  const at = rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'host')
  if (at >= 0 && isAuthority(rawHeaders[at + 1] ?? '')) rawHeaders[at + 1] = host
  else if (at < 0 && httpVersion === '1.0') rawHeaders.push('host', host)
  else return
  headers.host = host
}

import type { IncomingHttpHeaders } from 'node:http'

/**
 * Whether this request is of one of our own pages, or of no browser at all; `host` is what the client calls us.
 * Browsers say where a request comes from in Sec-Fetch-Site, but only to a host they hold for secure; in Origin always.
 */
export function isSameOrigin(headers: IncomingHttpHeaders, host: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin } = headers
  return origin === undefined || isAt(origin, host)
}

function isAt(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false
  const { protocol, host: theirs } = new URL(origin)
  const ours = `${protocol}//${host}`
  return URL.canParse(ours) && new URL(ours).host === theirs
}

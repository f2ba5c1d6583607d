import type { Match } from './match.js'

/**
 * The target to forward, below the backend's base path: as it came, or with the route's prefix cut
 * off the normalised path; query and a trailing slash are kept.
 */
export function upstreamPath(url: string, path: string, { cutPrefix }: Match): string {
  if (cutPrefix === '') return url
  const query = url.indexOf('?')
  const came = query === -1 ? url : url.slice(0, query)
  const rest = path.slice(cutPrefix.length)
  return `${rest}${came.endsWith('/') || rest === '' ? '/' : ''}${query === -1 ? '' : url.slice(query)}`
}

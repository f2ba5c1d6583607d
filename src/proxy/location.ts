/** Where a reply's paths stand at the backend, and where its client finds them. */
export interface Mount {
  /** Where the backend listens, such as `http://127.0.0.1:8188`. */
  readonly origin: string
  /** In front of every path at the backend; empty, or begins with a slash and does not end with one. */
  readonly basePath: string
  /** In front of every path here; empty, or begins with a slash and does not end with one. */
  readonly prefix: string
}

/**
 * A redirection of a backend to another of its own paths, as its client must read it. What leads elsewhere, or is
 * relative to the path that was asked for, stays as it is.
 */
export function outerLocation(location: string, { origin, basePath, prefix }: Mount): string {
  const isOwn = location.startsWith(`${origin}/`) || location === origin
  const path = isOwn ? location.slice(origin.length) || '/' : location
  if (!/^\/(?!\/)/.test(path)) return location
  const below = basePath === '' || isAtOrBelow(path, basePath)
  return below ? prefix + path.slice(basePath.length) || '/' : location
}

function isAtOrBelow(path: string, base: string): boolean {
  return path === base || (path.startsWith(base) && /^[/?#]/.test(path.slice(base.length)))
}

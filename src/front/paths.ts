/** Whole texts that are a place on a disk: `/a/b`, `C:\a`, `C:/a`, `\\host\a`. */
const ABSOLUTE = /^(?:[A-Za-z]:[\\/]|\\\\|\/|~[\\/])/

/** The last part of a path of any platform; a text that is no path is its own. */
export function fileName(path: string): string {
  return path.replace(/[\\/]+$/, '').replace(/^.*[\\/]/s, '')
}

/** The same value with only the file's name where a text is a path: no client need know where things lie. */
export function withoutPaths(value: unknown): unknown {
  if (typeof value === 'string') return ABSOLUTE.test(value) ? fileName(value) : value
  if (Array.isArray(value)) return value.map(withoutPaths)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutPaths(item)]))
}

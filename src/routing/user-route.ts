import type { RouteConfig } from '../config/config.js'
import { normalisePath } from '../config/normalise-path.js'
import type { Call } from './find-row.js'
import { type Glob, matchesGlob, parseGlob } from './glob.js'

/** A route of routes.json, made ready for matching. */
export interface UserRoute {
  readonly config: RouteConfig
  /** The fixed part of the path, as `normalisePath` writes it; empty for the route `/*`. */
  readonly fixedPath: string
  /** Does it match everything below `fixedPath` too? */
  readonly below: boolean
  readonly headers: readonly (readonly [name: string, value: Glob])[]
  readonly model: Glob | undefined
}

/** Makes a route ready; throws a RangeError when no request can ever have such a path. */
export function prepareRoute(config: RouteConfig): UserRoute {
  const below = config.path.endsWith('/*')
  const fixedPath = below ? config.path.slice(0, -2) : config.path
  return {
    config,
    fixedPath: below && fixedPath === '' ? '' : normaliseFixed(fixedPath),
    below,
    headers: Object.entries(config.headers).map(([name, value]) => [name, parseGlob(value)]),
    model: config.model === undefined ? undefined : parseGlob(config.model),
  }
}

/** Does all match but the model, which is not looked at? */
export function matchesExceptModel(route: UserRoute, call: Call): boolean {
  const { methods } = route.config
  return (
    matchesPath(route, call.path) &&
    (methods.length === 0 || methods.includes(call.method)) &&
    route.headers.every(matchesHeader, call.headers)
  )
}

/** Does the route's model glob match this name, with or without KoboldCpp's `koboldcpp/` in front? */
export function matchesModel({ model: glob }: UserRoute, model: string | undefined): boolean {
  if (glob === undefined) return true
  if (model === undefined) return false
  return matchesGlob(glob, model) || matchesGlob(glob, model.replace(/^koboldcpp\//, ''))
}

function matchesPath({ fixedPath, below }: UserRoute, path: string): boolean {
  if (path.length === fixedPath.length) return path === fixedPath
  return below && path.startsWith(fixedPath) && path.charAt(fixedPath.length) === '/'
}

// `this` is the call's headers, so that no function is made for each request.
function matchesHeader(
  this: Call['headers'],
  [name, glob]: readonly [name: string, value: Glob],
): boolean {
  const value = Object.hasOwn(this, name) ? this[name] : undefined
  if (value === undefined) return false
  if (typeof value === 'string') return matchesGlob(glob, value)
  return value.some((each) => matchesGlob(glob, each))
}

// Written as on the wire (UTF-8, one character per byte), which is what `normalisePath` takes.
function normaliseFixed(path: string): string {
  const fixedPath = normalisePath(Buffer.from(path, 'utf8').toString('latin1'))
  if (fixedPath !== undefined && !path.includes('?')) return fixedPath
  throw new RangeError(`No request can ever match a route with the path ${JSON.stringify(path)}`)
}

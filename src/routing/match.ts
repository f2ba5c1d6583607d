import type { RouteConfig } from '../config/config.js'
import { type Call, findRow } from './find-row.js'
import type { Caller, Row, RowTarget } from './row.js'
import { TABLE } from './table.js'
import { matchesExceptModel, matchesModel, prepareRoute, type UserRoute } from './user-route.js'

/** A request as routing sees it; `model` once the body was read, undefined if it names none. */
export interface RoutedCall extends Call {
  readonly model?: string | undefined
}

/** Where a match leads; one backend by its name only by a route of the user's. */
export type MatchTarget = RowTarget | BackendTarget

export interface BackendTarget {
  readonly backend: string
  readonly workload?: never
  readonly otherwise?: never
  readonly gateway?: never
}

/** What a request matches. Made once per row and route, frozen, shared by all requests. */
export interface Match {
  readonly to: MatchTarget
  /** The user's route that decided; undefined: the built-in table did. */
  readonly route: RouteConfig | undefined
  /** What the built-in table knows of this call, also when a route of the user's decided. */
  readonly row: Row
  /** May this call start a backend that is stopped? false: only for one that is up. */
  readonly wake: boolean
  /** Does it wait its turn in the lane? */
  readonly lane: boolean
  /** Only for a backend that has nothing to do. */
  readonly idleOnly: boolean
  readonly caller: Caller
  /** The front part of the normalised path to cut off before forwarding; often empty. */
  readonly cutPrefix: string
}

/** Finds what a request matches: the user's routes in order, then the built-in table. */
export interface Matcher {
  /** Never throws and always finds one. */
  match(call: RoutedCall): Match
  /** Could the body's `model` decide? Then it must be read before `match`. */
  needsModel(call: Call): boolean
}

const BUILT_IN: ReadonlyMap<Row, Match> = new Map(TABLE.map((row) => [row, matchOfRow(row)]))

/** Prepares the user's routes; throws a RangeError for a path that no request can have. */
export function createMatcher(routes: readonly RouteConfig[]): Matcher {
  const prepared = routes.map(prepareRoute)
  const matches = new Map(prepared.map((route) => [route, matchesByRow(route)]))
  return {
    match(call) {
      const route = firstRoute(prepared, call)
      const byRow = (route && matches.get(route)) ?? BUILT_IN
      const row = findRow(call)
      return byRow.get(row) ?? matchOfRow(row)
    },
    needsModel(call) {
      for (const route of prepared) {
        if (matchesExceptModel(route, call)) return route.model !== undefined
      }
      return false
    },
  }
}

function firstRoute(routes: readonly UserRoute[], call: RoutedCall): UserRoute | undefined {
  for (const route of routes) {
    if (matchesExceptModel(route, call) && matchesModel(route, call.model)) return route
  }
  return undefined
}

function matchOfRow(row: Row): Match {
  const { to, wake, lane, idleOnly, caller } = row
  return Object.freeze({
    to,
    route: undefined,
    row,
    wake,
    lane,
    idleOnly,
    caller,
    cutPrefix: '',
  })
}

function matchesByRow(route: UserRoute): ReadonlyMap<Row, Match> {
  return new Map(TABLE.map((row) => [row, matchOfRoute(route, row)]))
}

// The route says where, the row how: a token count that is sent elsewhere still waits for nothing.
function matchOfRoute({ config, fixedPath }: UserRoute, row: Row): Match {
  return Object.freeze({
    ...matchOfRow(row),
    to: config.to,
    route: config,
    wake: wakes(config, row),
    idleOnly: false,
    cutPrefix: config.stripPrefix ? fixedPath : '',
  })
}

// A workload wakes for what the table would wake it for and for what the table does not know; a
// backend that is named outright, for all but preflights.
function wakes({ to }: RouteConfig, row: Row): boolean {
  if (to.backend !== undefined) return row.to.gateway !== 'preflight'
  return row.wake || row.fallback
}

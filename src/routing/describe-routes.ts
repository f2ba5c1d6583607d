import type { BackendConfig, Config, RouteConfig } from '../config/config.js'
import { ENTRIES_IN_ORDER, type Entry } from './find-row.js'
import type { Row, RowTarget } from './row.js'

const HEAD = ['Method', 'Path', 'Goes to', 'Starts it', 'Waits', 'About']

/**
 * What will match what, for people: a row of headings, then a row per path in the order in which they
 * are tried, the user's routes first. A star in a path stands for any text.
 */
export function describeRoutes({ routes, backends }: Config): string[][] {
  return [
    HEAD,
    ...routes.map((route) => describeRoute(route, backends)),
    ...ENTRIES_IN_ORDER.map((entry) => describeEntry(entry, backends)),
  ]
}

function describeRoute(route: RouteConfig, backends: readonly BackendConfig[]): string[] {
  const { to } = route
  const target = to.backend ?? describeServers(to.workload, backends)
  const wake = to.backend === undefined ? 'as the path below' : 'yes'
  const about = ['Route of routes.json', ...conditionsOf(route)].join(', ')
  return [methodsOf(route.methods), route.path, target, wake, 'as the path below', about]
}

function conditionsOf({ headers, model, stripPrefix }: RouteConfig): string[] {
  return [
    ...Object.entries(headers).map(([name, value]) => `header ${name}: ${value}`),
    ...(model === undefined ? [] : [`model ${model}`]),
    ...(stripPrefix ? ['prefix cut off'] : []),
  ]
}

function describeEntry({ row, pattern }: Entry, backends: readonly BackendConfig[]): string[] {
  const path = row.upgrade ? `${pattern} (WebSocket)` : pattern
  return [
    methodsOf(row.methods),
    path,
    describeTarget(row.to, backends),
    describeWake(row),
    row.lane && !row.idleOnly ? 'yes' : 'no',
    row.about,
  ]
}

function describeWake({ to, wake }: Row): string {
  if (to.gateway !== undefined) return '-'
  return wake ? 'yes' : 'no'
}

function describeTarget(to: RowTarget, backends: readonly BackendConfig[]): string {
  if (to.gateway !== undefined) return 'gateway'
  const served = backends.some(({ serves }) => serves.includes(to.workload))
  if (served || to.otherwise === undefined) return describeServers(to.workload, backends)
  return describeServers(to.otherwise, backends)
}

function describeServers(workload: string, backends: readonly BackendConfig[]): string {
  const names = backends
    .filter(({ serves }) => serves.some((served) => served === workload))
    .map(({ name }) => name)
  return names.length === 0 ? `nobody serves ${workload}` : `${workload}: ${names.join(', ')}`
}

function methodsOf(methods: readonly string[]): string {
  return methods.length === 0 ? 'any' : methods.join(', ')
}

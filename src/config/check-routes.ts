import { WORKLOADS, type Workload } from './config.js'
import { suggestion } from './nearest.js'
import { normalisePath } from './normalise-path.js'
import type { Report } from './report.js'
import type { RouteSettings } from './route-schema.js'
import type { Settings } from './schema.js'
import { toTarget } from './target.js'

/** Every route leads to a backend. */
export function checkRoutes(settings: Settings, report: Report): void {
  const unserved = unservedWorkloads(settings, report)
  for (const [index, route] of settings.routes.entries()) {
    const target = toTarget(route.to)
    const path = ['routes', index, 'to']
    if (target.backend !== undefined) checkBackend(target.backend, index, { settings, report })
    else if (unserved.includes(target.workload)) {
      const expected = 'a workload that a backend serves'
      const hint = 'name it in the "serves" of a backend'
      report.fault({ path, expected, hint })
    }
    checkPath(route, index, report)
    checkPrefix(route, index, report)
  }
}

/** None while it is in doubt what a backend serves. */
function unservedWorkloads({ backends }: Settings, report: Report): readonly Workload[] {
  if (report.isOpenWithin(['backends'], 'serves')) return []
  const served = new Set(Object.values(backends).flatMap(({ serves }) => serves))
  return WORKLOADS.filter((workload) => !served.has(workload))
}

function checkBackend(
  name: string,
  index: number,
  { settings, report }: { settings: Settings; report: Report },
): void {
  const known = Object.keys(settings.backends)
  if (known.includes(name) || report.isFaulty(['backends', name])) return
  const expected = 'the name of one of "backends"'
  report.fault({ path: ['routes', index, 'to'], expected, hint: suggestion(name, known) })
}

/** What the gateway refuses with 400 reaches no route. */
function checkPath({ path }: RouteSettings, index: number, report: Report): void {
  const sent = Buffer.from(path.replace(/\/\*$/, '/'), 'utf8').toString('latin1')
  if (normalisePath(sent) !== undefined && !path.includes('?')) return
  const expected =
    'a path that a request can have: no ".." or "." between slashes, no "?", no bad "%"'
  report.fault({ path: ['routes', index, 'path'], expected })
}

function checkPrefix({ path, stripPrefix }: RouteSettings, index: number, report: Report): void {
  if (!stripPrefix || path.endsWith('/*') || report.isFaulty(['routes', index, 'path'])) return
  const expected = 'false, as this path does not end in /*'
  report.fault({ path: ['routes', index, 'stripPrefix'], expected })
}

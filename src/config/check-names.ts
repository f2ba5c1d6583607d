import type { Path } from './path.js'
import type { Report } from './report.js'
import type { Settings } from './schema.js'

/** Names that differ only by case: backends would share a log file on some systems, headers are one. */
export function checkNames({ backends, routes }: Settings, report: Report): void {
  checkCase(backends, ['backends'], report)
  for (const [index, route] of routes.entries()) {
    checkCase(route.header ?? {}, ['routes', index, 'header'], report)
  }
}

function checkCase(named: object, path: Path, report: Report): void {
  const seen = new Map<string, string>()
  for (const name of Object.keys(named)) {
    const other = seen.get(name.toLowerCase())
    const expected = `a name that differs from "${other}" by more than case`
    if (other !== undefined) report.faultyKey({ path: [...path, name], expected }, undefined)
    seen.set(name.toLowerCase(), name)
  }
}

import type { ErrorObject } from 'ajv'
import type { Path } from './path.js'
import { valueAt } from './value-at.js'

/** What the schema says against one place. */
export interface ShapeFault {
  readonly kind: 'value' | 'key' | 'missing'
  readonly path: Path
  readonly expected: string
  /** Sound, to put in the place of the faulty value where the place cannot stay empty. */
  readonly standIn: unknown
  readonly knownKeys: readonly string[]
}

/** One fault per place: of a union that says so once for each branch and once for all, the last. */
export function shapeFaults(errors: readonly ErrorObject[], value: unknown): ShapeFault[] {
  const places = new Map<string, ErrorObject>()
  for (const error of errors.filter((each) => !isNoise(each, errors))) {
    const place = JSON.stringify(pathOf(error, value))
    const other = places.get(place)
    if (!other || error.schemaPath.length < other.schemaPath.length) places.set(place, error)
  }
  return [...places.values()].map((error) => toFault(error, value))
}

/** A bad key is told by `propertyNames` itself; a union is silent where an item of it says more. */
function isNoise(error: ErrorObject, all: readonly ErrorObject[]): boolean {
  if (error.propertyName !== undefined && error.keyword !== 'propertyNames') return true
  return all.some(
    (union) =>
      union.keyword === 'anyOf' &&
      union.instancePath === error.instancePath &&
      all.some((deeper) => deeper.instancePath.startsWith(`${union.instancePath}/`)),
  )
}

function toFault(error: ErrorObject, value: unknown): ShapeFault {
  const parent = error.parentSchema ?? {}
  const properties = parent.properties ?? {}
  const path = pathOf(error, value)
  const about = { path, standIn: undefined, knownKeys: Object.keys(properties) }
  if (error.keyword === 'additionalProperties')
    return { ...about, kind: 'key', expected: 'a known key' }
  if (error.keyword === 'propertyNames')
    return { ...about, kind: 'key', expected: String(parent.propertyNames?.title) }
  const isMissing = error.keyword === 'required'
  const expecting = isMissing ? properties[error.params.missingProperty] : parent
  const standIn = expecting?.examples?.[0]
  const kind = isMissing ? 'missing' : 'value'
  return { ...about, kind, expected: String(expecting?.title), standIn }
}

function pathOf({ instancePath, params, keyword }: ErrorObject, value: unknown): Path {
  const path: (string | number)[] = []
  for (const step of instancePath.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(valueAt(value, path)) ? Number(key) : key)
  }
  if (keyword === 'additionalProperties') path.push(params.additionalProperty)
  if (keyword === 'propertyNames') path.push(params.propertyName)
  if (keyword === 'required') path.push(params.missingProperty)
  return path
}

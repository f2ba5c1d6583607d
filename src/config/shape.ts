import { HINTS } from './hints.js'
import { nearest } from './nearest.js'
import type { Report } from './report.js'
import type { Settings } from './schema.js'
import { type ShapeFault, shapeFaults } from './shape-faults.js'
import { isSettings } from './validator.js'
import { isObject, valueAt } from './value-at.js'

/** Mending one fault can lay another bare (a list with a stand-in may hold it twice), hardly a third. */
const MAX_ROUNDS = 5

/**
 * Reports what the schema says against a value and fills its defaults in. Faulty parts are left out or
 * replaced by stand-ins, so that the rest can be looked at further; undefined if nothing is left.
 */
export function checkShape(value: unknown, report: Report): Settings | undefined {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (isSettings(value)) return value
    const faults = shapeFaults(isSettings.errors ?? [], value)
    if (round === 0) tellAll(faults, value, report)
    for (const fault of faults) mend(value, fault)
  }
  return undefined
}

/** Wrong keys first: a key that is written wrong is not missing as well. */
function tellAll(faults: readonly ShapeFault[], value: unknown, report: Report): void {
  for (const fault of faults) if (fault.kind === 'key') tellKey(fault, report)
  for (const fault of faults) if (fault.kind !== 'key') tellValue(fault, value, report)
}

function tellKey({ path, expected, knownKeys }: ShapeFault, report: Report): void {
  const meant = nearest(String(path.at(-1)), knownKeys)
  const known = knownKeys.length > 0 ? `known here: ${knownKeys.join(', ')}` : undefined
  const hint = meant === undefined ? known : `did you mean "${meant}"?`
  report.faultyKey({ path, expected, hint }, meant)
}

function tellValue({ path, expected }: ShapeFault, value: unknown, report: Report): void {
  const found = valueAt(value, path)
  const hint = found === undefined ? undefined : HINTS[expected]?.(found)
  report.fault({ path, expected, hint })
}

function mend(value: unknown, { path, kind, standIn }: ShapeFault): void {
  const parent = valueAt(value, path.slice(0, -1))
  const key = path.at(-1)
  if (Array.isArray(parent) && typeof key === 'number') parent[key] = structuredClone(standIn)
  if (!isObject(parent) || key === undefined) return
  if (kind === 'missing') parent[key] = structuredClone(standIn)
  else delete parent[key]
}

import { quantile, spreadOf } from './statistics.js'
import { LIMITS, POLICIES, type PolicyName, type SwapsRow } from './swaps.js'
import { layOut, spreadCell } from './table.js'

/** Of the swaps of first-come. */
const MOST_SWAPS = 0.7

const HEADINGS = [
  'policy',
  'swaps',
  'loading s',
  'makespan s',
  'wait p50 s',
  'wait p95 s',
  'longest wait s',
  'of it memory s',
  'refused',
]

/** All policies over all seeds, and below that whether ours reaches what was aimed at. */
export function swapsTable(rows: readonly SwapsRow[]): string {
  const lines = POLICIES.map((policy) => cells(ofPolicy(rows, policy)))
  return [layOut(HEADINGS, lines), '', ...ratios(rows), ...verdict(rows)].join('\n')
}

function cells(rows: readonly SwapsRow[]): string[] {
  const cell = (value: (row: SwapsRow) => number, decimals = 0) =>
    spreadCell(spreadOf(rows.map(value)), decimals)
  return [
    rows[0]?.policy ?? '',
    cell(({ swaps }) => swaps),
    cell(({ loadingMs }) => loadingMs / 1_000),
    cell(({ makespanMs }) => makespanMs / 1_000),
    cell(({ waitsMs }) => quantile(waitsMs, 0.5) / 1_000, 1),
    cell(({ waitsMs }) => quantile(waitsMs, 0.95) / 1_000, 1),
    cell(({ waitsMs }) => Math.max(...waitsMs) / 1_000, 1),
    cell(({ memoryWaitsMs }) => Math.max(...memoryWaitsMs) / 1_000, 1),
    String(rows.reduce((total, { refused }) => total + refused, 0)),
  ]
}

/** Of all seeds together, and of each. */
function ratios(rows: readonly SwapsRow[]): string[] {
  const ours = ofPolicy(rows, 'ours')
  return (['first-come', 'LRU on demand'] as const).map((policy) => {
    const theirs = ofPolicy(rows, policy)
    const each = ours.map(({ swaps }, at) => swaps / (theirs[at]?.swaps ?? 0))
    const all = swapsOf(ours) / swapsOf(theirs)
    return `swaps of ours / ${policy}: ${all.toFixed(2)}; by seed ${spreadCell(spreadOf(each), 2)}`
  })
}

function verdict(rows: readonly SwapsRow[]): string[] {
  const ours = ofPolicy(rows, 'ours')
  const ratio = swapsOf(ours) / swapsOf(ofPolicy(rows, 'first-come'))
  const longest = Math.max(...ours.flatMap(({ memoryWaitsMs }) => memoryWaitsMs))
  const refused = ours.reduce((total, row) => total + row.refused, 0)
  const isBounded = longest <= LIMITS.maxWaitMs && refused === 0
  const bound = `at most ${seconds(LIMITS.maxWaitMs)} s, ${refused} refused`
  return [
    `swaps: ${ratio.toFixed(2)} of first-come's, at most ${MOST_SWAPS}: ${reached(ratio <= MOST_SWAPS)}`,
    `longest wait for memory: ${seconds(longest)} s, ${bound}: ${reached(isBounded)}`,
  ]
}

function ofPolicy(rows: readonly SwapsRow[], policy: PolicyName): SwapsRow[] {
  return rows.filter((row) => row.policy === policy)
}

function swapsOf(rows: readonly SwapsRow[]): number {
  return rows.reduce((total, { swaps }) => total + swaps, 0)
}

function reached(is: boolean): string {
  return is ? 'reached' : 'NOT reached'
}

export function seconds(ms: number, decimals = 1): string {
  return (ms / 1_000).toFixed(decimals)
}

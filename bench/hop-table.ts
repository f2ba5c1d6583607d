import type { HopRow, HopSample } from './hop.js'
import { perRound } from './rounds.js'
import { OURS } from './setting.js'
import { spreadOf } from './statistics.js'
import { layOut, spreadCell } from './table.js'

const HEADINGS = [
  'subject',
  'requests/s',
  'p50 ms',
  'p99 ms',
  'CPU us/request',
  'rate/direct',
  'p50 added ms',
  'our CPU/its',
  'our p50 added/its',
  'errors',
]
const UNKNOWN = 'no /proc here'

/** The rows as text; the first is `direct`. Ratios are taken within each round; what is shown is their median. */
export function hopTable(rows: readonly HopRow[]): string {
  const [direct] = rows
  const ours = rows.find(({ subject }) => subject === OURS)
  if (!direct || !ours) return ''
  return layOut(
    HEADINGS,
    rows.map((row) => [...measured(row), ...compared(row, direct, ours)]),
  )
}

function measured(row: HopRow): string[] {
  const spread = (read: Read, decimals: number) =>
    spreadCell(spreadOf(row.samples.map(read)), decimals)
  return [
    row.subject,
    spread(rate, 0),
    spread(p50, 3),
    spread((sample) => sample.p99Ms, 2),
    row.samples[0]?.cpuMicrosPerRequest === undefined ? UNKNOWN : spread(cpu, 0),
  ]
}

function compared(row: HopRow, direct: HopRow, ours: HopRow): string[] {
  const rates = perRound(row, direct, (mine, base) => rate(mine) / rate(base)).toFixed(2)
  const errors = String(row.samples.reduce((sum, sample) => sum + sample.errors, 0))
  if (row === direct) return [rates, '', '', '', errors]
  const added = perRound(row, direct, (mine, base) => p50(mine) - p50(base))
  if (row === ours) return [rates, added.toFixed(3), '', '', errors]
  const ourAdded = perRound(ours, direct, (mine, base) => p50(mine) - p50(base))
  const cpus = perRound(ours, row, (mine, theirs) => cpu(mine) / cpu(theirs))
  return [rates, added.toFixed(3), cpus.toFixed(2), (ourAdded / added).toFixed(2), errors]
}

type Read = (sample: HopSample) => number

const rate: Read = (sample) => sample.requestsPerSecond
const p50: Read = (sample) => sample.p50Ms
const cpu: Read = (sample) => sample.cpuMicrosPerRequest ?? Number.NaN

import type { HopRow, HopSample } from './hop.js'
import { spreadOf } from './statistics.js'
import { layOut, spreadCell } from './table.js'

const HEADINGS = [
  'subject',
  'requests/s',
  'p50 ms',
  'p99 ms',
  'CPU us/request',
  'rate/direct',
  'rate/stock',
  'p50-direct ms',
  'CPU/stock',
  'errors',
]
const UNKNOWN = 'no /proc here'

/** The rows as text. Ratios are taken within each round; what is shown is their median. */
export function hopTable(rows: readonly HopRow[]): string {
  const [direct, stock] = rows
  if (!direct || !stock) return ''
  return layOut(
    HEADINGS,
    rows.map((row) => cells(row, direct, stock)),
  )
}

function cells(row: HopRow, direct: HopRow, stock: HopRow): string[] {
  const spread = (read: Read, decimals: number) =>
    spreadCell(spreadOf(row.samples.map(read)), decimals)
  const isGateway = row !== direct
  return [
    row.subject,
    spread(rate, 0),
    spread((sample) => sample.p50Ms, 3),
    spread((sample) => sample.p99Ms, 2),
    row.samples[0]?.cpuMicrosPerRequest === undefined ? UNKNOWN : spread(cpu, 0),
    ratio(row, direct, rate),
    ratio(row, stock, rate),
    isGateway ? addedP50(row, direct) : '',
    isGateway ? ratio(row, stock, cpu) : '',
    String(row.samples.reduce((sum, { errors }) => sum + errors, 0)),
  ]
}

type Read = (sample: HopSample) => number

const rate: Read = (sample) => sample.requestsPerSecond
const cpu: Read = (sample) => sample.cpuMicrosPerRequest ?? Number.NaN

function ratio(row: HopRow, base: HopRow, read: Read): string {
  return perRound(row, base, (mine, theirs) => read(mine) / read(theirs)).toFixed(2)
}

function addedP50(row: HopRow, direct: HopRow): string {
  return perRound(row, direct, (mine, theirs) => mine.p50Ms - theirs.p50Ms).toFixed(3)
}

function perRound(
  row: HopRow,
  base: HopRow,
  compare: (mine: HopSample, theirs: HopSample) => number,
): number {
  const pairs = row.samples.flatMap((mine, round) => {
    const theirs = base.samples[round]
    return theirs ? [compare(mine, theirs)] : []
  })
  return spreadOf(pairs).median
}

import { spreadOf } from './statistics.js'
import type { StreamRow, StreamSample } from './stream.js'
import { layOut, spreadCell } from './table.js'

const HEADINGS = [
  'subject',
  'first event ms',
  'added',
  'delay p50 ms',
  'added',
  'delay p99 ms',
  'added',
  'delay max ms',
  'added',
  'events',
  'reads',
]
const READS: readonly ((sample: StreamSample) => number)[] = [
  (sample) => sample.firstEventMs,
  (sample) => sample.delayP50Ms,
  (sample) => sample.delayP99Ms,
  (sample) => sample.delayMaxMs,
]

/** The rows as text. What is added is taken within each round against direct; what is shown is the median. */
export function streamTable(rows: readonly StreamRow[]): string {
  const [direct] = rows
  if (!direct) return ''
  return layOut(
    HEADINGS,
    rows.map((row) => cells(row, direct)),
  )
}

function cells(row: StreamRow, direct: StreamRow): string[] {
  const measured = READS.flatMap((read) => {
    const added = row.samples.map((sample, round) => read(sample) - readAt(direct, round, read))
    return [
      spreadCell(spreadOf(row.samples.map(read)), 2),
      row === direct ? '' : spreadOf(added).median.toFixed(2),
    ]
  })
  const total = (read: (sample: StreamSample) => number) =>
    String(row.samples.reduce((sum, sample) => sum + read(sample), 0))
  return [
    row.subject,
    ...measured,
    total((sample) => sample.events),
    total((sample) => sample.reads),
  ]
}

function readAt(row: StreamRow, round: number, read: (sample: StreamSample) => number): number {
  const sample = row.samples[round]
  return sample ? read(sample) : Number.NaN
}

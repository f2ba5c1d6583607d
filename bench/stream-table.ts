import { perRound } from './rounds.js'
import { OURS } from './setting.js'
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
  'events/s',
  'CPU us/event',
  'our CPU/its',
  'events',
  'reads',
]
const DELAYS: readonly ((sample: StreamSample) => number)[] = [
  (sample) => sample.firstEventMs,
  (sample) => sample.delayP50Ms,
  (sample) => sample.delayP99Ms,
]

/** The rows as text; the first is `direct`. What is compared is so within each round; what is shown is the median. */
export function streamTable(rows: readonly StreamRow[]): string {
  const [direct] = rows
  const ours = rows.find(({ subject }) => subject === OURS)
  if (!direct || !ours) return ''
  return layOut(
    HEADINGS,
    rows.map((row) => cells(row, direct, ours)),
  )
}

function cells(row: StreamRow, direct: StreamRow, ours: StreamRow): string[] {
  const delays = DELAYS.flatMap((read) => [
    spreadCell(spreadOf(row.samples.map(read)), 2),
    row === direct ? '' : perRound(row, direct, (mine, base) => read(mine) - read(base)).toFixed(2),
  ])
  const ratio = perRound(ours, row, (mine, theirs) => mine.cpuMicros / theirs.cpuMicros)
  const total = (read: (sample: StreamSample) => number) =>
    String(row.samples.reduce((sum, sample) => sum + read(sample), 0))
  return [
    row.subject,
    ...delays,
    spreadCell(spreadOf(row.samples.map((sample) => sample.eventsPerSecond)), 0),
    spreadCell(spreadOf(row.samples.map(({ cpuMicros, events }) => cpuMicros / events)), 1),
    row === direct || row === ours ? '' : ratio.toFixed(2),
    total((sample) => sample.events),
    total((sample) => sample.reads),
  ]
}

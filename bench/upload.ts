import { CAN_READ_CPU, cpuMicros } from './cpu.js'
import { perRound, type Row } from './rounds.js'
import { OURS, type Subject } from './setting.js'
import { download, MIB, upload } from './soak-load.js'
import { forgetPeak, memoryMib } from './soak-memory.js'
import { spreadOf } from './statistics.js'
import { layOut, spreadCell } from './table.js'

const IMAGE_MIB = 30

/** One long body, through one subject. */
export interface UploadSample {
  readonly mibPerSecond: number
  readonly cpuMsPerMib: number
  /** Resident memory at its peak, over what there was before. */
  readonly peakMib: number
}

export interface UploadRows {
  readonly what: string
  readonly rows: readonly Row<UploadSample>[]
}

/** Measures all subjects in turn, round after round, after one round that warms them up. */
export async function measureUploads(
  subjects: readonly Subject[],
  mib: number,
  rounds: number,
): Promise<UploadRows[]> {
  const bodies = [
    { what: `${IMAGE_MIB} MiB up, collected`, mib: IMAGE_MIB, send: toCollector },
    { what: `${mib} MiB up, streamed`, mib, send: upload },
    { what: `${mib} MiB down`, mib, send: download },
  ]
  const results: UploadRows[] = []
  for (const { what, mib: size, send } of bodies) {
    const rows = subjects.map(({ name }) => ({ subject: name, samples: [] as UploadSample[] }))
    for (let round = -1; round < rounds; round += 1) {
      for (const [at, subject] of subjects.entries()) {
        const taken = await sample(subject, size, send)
        if (round >= 0) rows[at]?.samples.push(taken)
      }
    }
    results.push({ what, rows })
  }
  return results
}

export function uploadTable({ rows }: UploadRows): string {
  const ours = rows.find(({ subject }) => subject === OURS)
  const headings = ['subject', 'MiB/s', 'CPU ms/MiB', 'our CPU/its', 'peak over before, MiB']
  return layOut(
    headings,
    rows.map((row) => {
      const spread = (read: (sample: UploadSample) => number, decimals: number) =>
        spreadCell(spreadOf(row.samples.map(read)), decimals)
      const ratio = ours
        ? perRound(ours, row, (mine, its) => mine.cpuMsPerMib / its.cpuMsPerMib).toFixed(2)
        : ''
      return [
        row.subject,
        spread((sample) => sample.mibPerSecond, 0),
        spread((sample) => sample.cpuMsPerMib, 2),
        row === ours ? '' : ratio,
        spread((sample) => sample.peakMib, 1),
      ]
    }),
  )
}

async function sample(
  { url, pids }: Subject,
  mib: number,
  send: (url: string, bytes: number) => Promise<void>,
): Promise<UploadSample> {
  const total = (read: 'now' | 'peak') =>
    pids.reduce((sum, pid) => sum + (CAN_READ_CPU ? memoryMib(pid)[read] : Number.NaN), 0)
  const before = total('now')
  if (CAN_READ_CPU) pids.forEach(forgetPeak)
  const cpuBefore = CAN_READ_CPU ? cpuMicros(pids) : Number.NaN
  const begun = performance.now()
  await send(url, mib * MIB)
  const seconds = (performance.now() - begun) / 1000
  return {
    mibPerSecond: mib / seconds,
    cpuMsPerMib: (cpuMicros(pids) - cpuBefore) / 1000 / mib,
    peakMib: total('peak') - before,
  }
}

/** A gateway reads this whole before it sends it on, as it does with what asks for a picture. */
function toCollector(url: string, bytes: number): Promise<void> {
  return upload(`${url}/collected`, bytes)
}

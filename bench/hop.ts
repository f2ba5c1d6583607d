import { CAN_READ_CPU, cpuMicros } from './cpu.js'
import type { Load } from './load.js'
import type { Options } from './options.js'
import type { Row } from './rounds.js'
import type { Subject } from './setting.js'

/** Enough for the compiler to have settled, even on a busy machine. */
const WARM_UP_S = 8

/** One subject under load once. */
export interface HopSample {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the subject's own process; undefined where the system does not tell. */
  readonly cpuMicrosPerRequest: number | undefined
  readonly errors: number
}

export type HopRow = Row<HopSample>

/** Measures all subjects in turn, round after round, so that what else the machine does hits all alike. */
export async function measureHop(
  subjects: readonly Subject[],
  connections: number,
  { load, options }: { readonly load: Load; readonly options: Options },
): Promise<HopRow[]> {
  const rows = subjects.map(({ name }) => ({ subject: name, samples: [] as HopSample[] }))
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [at, subject] of subjects.entries()) {
      const taken = await sample(load, subject, { connections, durationS: options.durationS })
      rows[at]?.samples.push(taken)
    }
  }
  return rows
}

/** Puts load on all subjects until their code is compiled; what is measured before that says little. */
export async function warmUp(
  subjects: readonly Subject[],
  load: Load,
  durationS: number,
): Promise<void> {
  const amount = { connections: 32, durationS: Math.min(WARM_UP_S, 2 * durationS) }
  for (const subject of subjects) await sample(load, subject, amount)
}

async function sample(
  load: Load,
  { url, pids }: Subject,
  amount: { readonly connections: number; readonly durationS: number },
): Promise<HopSample> {
  const before = CAN_READ_CPU ? cpuMicros(pids) : 0
  const result = await load({ url: `${url}/v1/completions`, ...amount })
  const spent = CAN_READ_CPU ? cpuMicros(pids) - before : undefined
  return {
    requestsPerSecond: result.requests / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    cpuMicrosPerRequest: spent === undefined ? undefined : spent / result.requests,
    errors: result.errors,
  }
}

import type { BackendStatus } from '../backends/backend.js'
import { type JsonObject, numberOf, objectOf } from './read.js'

/** What `/api/extra/perf` is made from. */
export interface PerfFacts {
  /** What the KoboldCpps that run say now; `text`: the default text backend, if it is among them. */
  readonly said: readonly { readonly isText: boolean; readonly perf: unknown }[]
  readonly statuses: readonly BackendStatus[]
  /** Of the gateway, in seconds. */
  readonly uptime: number
}

const LAST = {
  last_process: 0,
  last_eval: 0,
  last_token_count: 0,
  last_input_count: 0,
  last_process_time: 0,
  last_eval_time: 0,
  last_process_speed: 0,
  last_eval_speed: 0,
  last_seed: -1,
  last_draft_success: 0,
  last_draft_failed: 0,
  stop_reason: 0,
  hordeexitcounter: -1,
}
const TOTALS = ['total_gens', 'total_img_gens', 'total_tts_gens', 'total_transcribe_gens']

/** `/api/extra/perf`: the last text's numbers, and what all backends have done together (kobold-wire 2.2). */
export function perf({ said, statuses, uptime }: PerfFacts): JsonObject {
  const text = objectOf(said.find(({ isText }) => isText)?.perf)
  const numbers = (field: string) => said.flatMap(({ perf: each }) => numberOf(each, field) ?? [])
  const total = (field: string) => sum(numbers(field))
  const isBusy = numbers('idle').includes(0) || statuses.some(({ inFlight }) => inFlight > 0)
  const waiting = sum(statuses.map((status) => status.waiting))
  const last = Object.entries(LAST).map(([field, none]) => [field, numberOf(text, field) ?? none])
  return {
    ...Object.fromEntries(last),
    ...Object.fromEntries(TOTALS.map((field) => [field, total(field)])),
    queue: total('queue') + waiting,
    idle: isBusy || waiting > 0 ? 0 : 1,
    uptime,
    idletime: isBusy ? 0 : Math.min(uptime, ...numbers('idletime')),
    quiet: text.quiet !== false,
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0)
}

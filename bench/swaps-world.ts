import type { Clock } from '../src/memory/devices/clock.js'
import type { Session, Workload } from './swaps-trace.js'

/** What a backend costs, as the simulation knows it. */
export interface BackendModel {
  readonly memory: number
  readonly loadMs: number
  /** Until its memory is back. */
  readonly stopMs: number
}

/** One card, and those who want its memory. */
export interface Card {
  readonly memory: number
  readonly backends: Readonly<Record<Workload, BackendModel>>
}

export interface Limits {
  readonly minResidencyMs: number
  readonly patienceMs: number
  readonly maxWaitMs: number
}

export interface AskOf {
  readonly client: string
  readonly workload: Workload
  readonly serviceMs: number
}

/** Serves asks one way or another. */
export interface Policy {
  /** How many times a backend was loaded. */
  readonly loads: number
  /** Resolves when it was served, with the time at which its service began; undefined: it was refused. */
  serve(ask: AskOf): Promise<number | undefined>
}

/** What became of a trace. */
export interface Outcome {
  readonly swaps: number
  readonly makespanMs: number
  /** From each ask to the begin of its service; without those that were refused. */
  readonly waitsMs: readonly number[]
  readonly refused: number
}

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}

/** Has every session of the trace play, and resolves when the last is over. */
export async function play(
  trace: readonly Session[],
  policy: Policy,
  clock: Clock,
): Promise<Outcome> {
  const waits: (number | undefined)[] = []
  const begun = clock.now()
  const sessions = trace.map(async ({ client, workload, startMs, asks }) => {
    await sleep(clock, startMs)
    for (const { pauseMs, serviceMs } of asks) {
      await sleep(clock, pauseMs)
      const asked = clock.now()
      const served = await policy.serve({ client, workload, serviceMs })
      waits.push(served === undefined ? undefined : served - asked)
    }
  })
  await Promise.all(sessions)
  const waitsMs = waits.filter((wait) => wait !== undefined)
  return {
    swaps: policy.loads,
    makespanMs: clock.now() - begun,
    waitsMs,
    refused: waits.length - waitsMs.length,
  }
}

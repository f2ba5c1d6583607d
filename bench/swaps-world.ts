import type { Clock } from '../src/memory/devices/clock.js'
import type { Session, Workload } from './swaps-trace.js'

/** What a backend costs, as the simulation knows it. */
export interface BackendModel {
  readonly memoryGib: number
  readonly loadMs: number
  /** From the decision to stop it until its memory is back. */
  readonly stopMs: number
}

/** One card, and those who want its memory. */
export interface Card {
  readonly memoryGib: number
  readonly backends: Readonly<Record<Workload, BackendModel>>
}

export interface Limits {
  readonly minResidencyMs: number
  readonly patienceMs: number
  readonly maxWaitMs: number
}

export interface Ask {
  readonly client: string
  readonly workload: Workload
  readonly serviceMs: number
}

/** Serves asks one way or another, one at a time for each backend. */
export interface Policy {
  /** Resolves when it was served, with the time at which its service began; undefined: it was refused. */
  serve(ask: Ask): Promise<number | undefined>
}

/** A policy that pretends. */
export interface Simulated extends Policy {
  /** How many times a backend was loaded, and how long that took in all. */
  readonly loads: number
  readonly loadingMs: number
}

/** What became of a trace. Waits are without those of asks that were refused. */
export interface Outcome {
  readonly makespanMs: number
  /** From each ask to the begin of its service. */
  readonly waitsMs: readonly number[]
  /** What of it was not for the requests before it at the same backend. */
  readonly memoryWaitsMs: readonly number[]
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
  const waitsMs: number[] = []
  const memoryWaitsMs: number[] = []
  let refused = 0
  const begunAtMs = clock.now()
  /** By workload, the end of the request before. */
  const ends = new Map<Workload, number>()
  const ask = async (wanted: Ask) => {
    const asked = clock.now()
    const served = await policy.serve(wanted)
    if (served === undefined) {
      refused += 1
      return
    }
    waitsMs.push(served - asked)
    memoryWaitsMs.push(served - Math.max(asked, ends.get(wanted.workload) ?? 0))
    ends.set(wanted.workload, clock.now())
  }
  const sessions = trace.map(async ({ client, workload, startMs, asks }) => {
    await sleep(clock, startMs)
    for (const { pauseMs, serviceMs } of asks) {
      await sleep(clock, pauseMs)
      await ask({ client, workload, serviceMs })
    }
  })
  await Promise.all(sessions)
  return { makespanMs: clock.now() - begunAtMs, waitsMs, memoryWaitsMs, refused }
}

import type { State } from '../backends/states.js'

/** One picture under way, as whoever keeps account of it knows it; without a lease it waits. */
export interface Job {
  readonly lease: { readonly grantedAt: number } | undefined
}

export interface ProgressFacts {
  readonly jobs: readonly Job[]
  /** Of the backend that makes the pictures. */
  readonly state: State
  /** How long a picture usually takes there, in milliseconds; undefined: nobody knows yet. */
  readonly usualMs: number | undefined
  /** By `performance.now()`. */
  readonly now: number
}

/** So that nobody takes a picture for done that takes longer than usual. */
const NEARLY = 0.99
/** Nobody outside a KoboldCpp sees its steps; clients that draw a bar from them get hundredths. */
const STEPS = 100

/**
 * How far the pictures of one backend are, as AUTOMATIC1111 tells it: 0 with no job is idle, for which SillyTavern
 * waits. The part that is done is an estimate by how long pictures took there before.
 */
export function progressOf(facts: ProgressFacts) {
  const { jobs, usualMs = 0 } = facts
  const doneMs = elapsedMs(facts)
  const progress = usualMs > 0 ? Math.min(NEARLY, doneMs / usualMs) : 0
  const leftMs = Math.max(0, usualMs * jobs.length - Math.min(doneMs, usualMs))
  return {
    progress,
    eta_relative: Math.round(leftMs / 100) / 10,
    state: {
      skipped: false,
      interrupted: false,
      job: jobs.length === 0 ? '' : stageOf(facts),
      job_count: jobs.length,
      job_timestamp: '0',
      job_no: 0,
      sampling_step: Math.floor(progress * STEPS),
      sampling_steps: jobs.length === 0 ? 0 : STEPS,
    },
    current_image: null,
    textinfo: jobs.length === 0 ? null : wordsOf(facts),
  }
}

function begun({ jobs }: ProgressFacts): number[] {
  return jobs.flatMap(({ lease }) => (lease ? [lease.grantedAt] : []))
}

function elapsedMs(facts: ProgressFacts): number {
  const times = begun(facts)
  return times.length === 0 ? 0 : Math.max(0, facts.now - Math.min(...times))
}

function stageOf(facts: ProgressFacts): 'drawing' | 'starting' | 'waiting' {
  if (begun(facts).length > 0) return 'drawing'
  return facts.state === 'queued' || facts.state === 'starting' ? 'starting' : 'waiting'
}

function wordsOf(facts: ProgressFacts): string {
  const waiting = facts.jobs.length - begun(facts).length
  const words = {
    drawing: 'The picture is being made',
    starting: 'The image backend is starting',
    waiting: 'The picture waits for its turn',
  }[stageOf(facts)]
  return waiting > 0 ? `${words} (${waiting} in line)` : words
}

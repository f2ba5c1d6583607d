// The thread of test/memory/properties.test.ts: tap watches every promise of its own, which costs four times the play.
import { parentPort, workerData } from 'node:worker_threads'
import fc from 'fast-check'
import { scenarios } from './memory-scenarios.js'
import { World } from './memory-world.js'

export interface Played {
  /** What is wrong, with the seed; empty: nothing is. */
  readonly fault: string
  readonly grants: number
  readonly evictions: number
}

const all = { grants: 0, evictions: 0 }
const play = fc.asyncProperty(scenarios, async (scenario) => {
  const world = new World(scenario)
  await world.play()
  all.grants += world.seen.grants
  all.evictions += world.seen.evictions
  if (world.faults.length > 0) throw new Error(world.faults.slice(0, 5).join('\n'))
})
const details = await fc.check(play, { numRuns: workerData.runs })
const cause = details.errorInstance instanceof Error ? details.errorInstance.message : ''
const fault = details.failed ? `${cause}\n${fc.defaultReportMessage(details)}` : ''
parentPort?.postMessage({ fault, ...all } satisfies Played)

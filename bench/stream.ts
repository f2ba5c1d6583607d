import { setTimeout as delay } from 'node:timers/promises'
import { listenToStream, PACE_MS, type StreamTimes } from './event-times.js'
import type { Subject } from './setting.js'
import { quantile } from './statistics.js'

/** All streams of one subject in one round. */
export interface StreamSample {
  readonly firstEventMs: number
  readonly delayP50Ms: number
  readonly delayP99Ms: number
  readonly delayMaxMs: number
  readonly events: number
  readonly reads: number
}

/** All rounds of one subject, in their order. */
export interface StreamRow {
  readonly subject: string
  readonly samples: readonly StreamSample[]
}

/** Measures all subjects in turn, round after round; a round before the first warms them up. */
export async function measureStreams(
  subjects: readonly Subject[],
  streams: number,
  rounds: number,
): Promise<StreamRow[]> {
  const rows = subjects.map(({ name }) => ({ subject: name, samples: [] as StreamSample[] }))
  for (const { url } of subjects) await sample(url, streams)
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, { url }] of subjects.entries())
      rows[at]?.samples.push(await sample(url, streams))
  }
  return rows
}

/** The streams begin evenly spread over one pace, so that their events are too. */
async function sample(url: string, streams: number): Promise<StreamSample> {
  const listening = Array.from({ length: streams }, async (_, at) => {
    await delay((at * PACE_MS) / streams)
    return listenToStream(url)
  })
  return summary(await Promise.all(listening))
}

function summary(all: readonly StreamTimes[]): StreamSample {
  const delays = all.flatMap(({ delaysMs }) => delaysMs)
  return {
    firstEventMs: quantile(
      all.map(({ firstEventMs }) => firstEventMs),
      0.5,
    ),
    delayP50Ms: quantile(delays, 0.5),
    delayP99Ms: quantile(delays, 0.99),
    delayMaxMs: quantile(delays, 1),
    events: delays.length,
    reads: all.reduce((sum, { reads }) => sum + reads, 0),
  }
}

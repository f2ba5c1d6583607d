import { setTimeout as delay } from 'node:timers/promises'
import { CAN_READ_CPU, cpuMicros } from './cpu.js'
import { listenToStream, type StreamAsk, type StreamTimes } from './event-times.js'
import type { Row } from './rounds.js'
import type { Subject } from './setting.js'
import { quantile } from './statistics.js'

/** All streams of one subject in one round. */
export interface StreamSample {
  readonly firstEventMs: number
  readonly delayP50Ms: number
  readonly delayP99Ms: number
  readonly eventsPerSecond: number
  /** Of the subject's own processes, all events together; NaN where the system does not tell. */
  readonly cpuMicros: number
  readonly events: number
  readonly reads: number
}

export type StreamRow = Row<StreamSample>

/** So many streams at once. */
export interface Streams extends StreamAsk {
  readonly count: number
}

/** Measures all subjects in turn, round after round; a round before the first warms them up. */
export async function measureStreams(
  subjects: readonly Subject[],
  streams: Streams,
  rounds: number,
): Promise<StreamRow[]> {
  const rows = subjects.map(({ name }) => ({ subject: name, samples: [] as StreamSample[] }))
  for (const subject of subjects) await sample(subject, streams)
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, subject] of subjects.entries())
      rows[at]?.samples.push(await sample(subject, streams))
  }
  return rows
}

/** The streams begin evenly spread over one pace, so that their events are too. */
async function sample({ url, pids }: Subject, streams: Streams): Promise<StreamSample> {
  const cpuBefore = CAN_READ_CPU ? cpuMicros(pids) : Number.NaN
  const begun = performance.now()
  const listening = Array.from({ length: streams.count }, async (_, at) => {
    await delay((at * streams.paceMs) / streams.count)
    return listenToStream(url, streams)
  })
  const all = await Promise.all(listening)
  const seconds = (performance.now() - begun) / 1000
  return { ...summary(all, seconds), cpuMicros: cpuMicros(pids) - cpuBefore }
}

function summary(all: readonly StreamTimes[], seconds: number) {
  const delays = all.flatMap(({ delaysMs }) => delaysMs)
  const firsts = all.map(({ firstEventMs }) => firstEventMs)
  return {
    firstEventMs: quantile(firsts, 0.5),
    delayP50Ms: quantile(delays, 0.5),
    delayP99Ms: quantile(delays, 0.99),
    eventsPerSecond: delays.length / seconds,
    events: delays.length,
    reads: all.reduce((sum, { reads }) => sum + reads, 0),
  }
}

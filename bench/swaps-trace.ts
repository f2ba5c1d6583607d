import { createRandom } from '../src/sample/random.js'

export const WORKLOADS = ['text', 'image', 'whisper'] as const
export type Workload = (typeof WORKLOADS)[number]

/** One person at work with one backend: each ask comes some time after the answer to the one before. */
export interface Session {
  readonly client: string
  readonly workload: Workload
  readonly startMs: number
  readonly asks: readonly { readonly pauseMs: number; readonly serviceMs: number }[]
}

type Range = readonly [least: number, most: number]

interface Manner {
  /** How many of the sessions are of this kind. */
  readonly share: number
  readonly asks: Range
  /** Between an answer and the next ask. */
  readonly pauseMs: Range
  readonly serviceMs: Range
}

/** A chat with pauses to read and to type, pictures made one after the other, a word dictated now and then. */
const MANNERS: Readonly<Record<Workload, Manner>> = {
  text: { share: 0.35, asks: [4, 12], pauseMs: [2_000, 8_000], serviceMs: [2_000, 8_000] },
  image: { share: 0.25, asks: [4, 12], pauseMs: [100, 1_000], serviceMs: [10_000, 25_000] },
  whisper: { share: 0.4, asks: [1, 2], pauseMs: [1_000, 4_000], serviceMs: [1_000, 4_000] },
}

/** Sessions that begin so often on average, until they have this many asks in all; the same for the same seed. */
export function makeTrace(seed: number, asks: number, gapMs: number): Session[] {
  const random = createRandom(seed)
  const sessions: Session[] = []
  let startMs = 0
  for (let left = asks; left > 0; ) {
    const session = makeSession({ random, client: `client ${sessions.length}`, startMs, most: left })
    sessions.push(session)
    left -= session.asks.length
    startMs += -Math.log(1 - random()) * gapMs
  }
  return sessions
}

/** The same, with all times divided. */
export function compress(trace: readonly Session[], by: number): Session[] {
  return trace.map(({ client, workload, startMs, asks }) => ({
    client,
    workload,
    startMs: startMs / by,
    asks: asks.map((ask) => ({ pauseMs: ask.pauseMs / by, serviceMs: ask.serviceMs / by })),
  }))
}

interface Draw {
  readonly random: () => number
  readonly client: string
  readonly startMs: number
  readonly most: number
}

function makeSession({ random, client, startMs, most }: Draw): Session {
  const between = ([least, limit]: Range) => least + random() * (limit - least)
  const workload = drawWorkload(random())
  const { asks, pauseMs, serviceMs } = MANNERS[workload]
  const length = Math.min(most, Math.floor(between([asks[0], asks[1] + 1])))
  return {
    client,
    workload,
    startMs,
    asks: Array.from({ length }, (_, at) => ({
      pauseMs: at === 0 ? 0 : between(pauseMs),
      serviceMs: between(serviceMs),
    })),
  }
}

function drawWorkload(drawn: number): Workload {
  let upTo = 0
  for (const workload of WORKLOADS) {
    upTo += MANNERS[workload].share
    if (drawn < upTo) return workload
  }
  return 'whisper'
}

import { FakeClock } from '../test/helpers/fake-clock.js'
import { FirstCome, LruOnDemand } from './swaps-baselines.js'
import { Ours } from './swaps-ours.js'
import { makeTrace, type Session } from './swaps-trace.js'
import { type Card, type Limits, type Outcome, play, type Simulated } from './swaps-world.js'

/** Any two of the three fit. */
export const CARD: Card = {
  memoryGib: 12,
  backends: {
    text: { memoryGib: 5, loadMs: 8_000, stopMs: 500 },
    image: { memoryGib: 6, loadMs: 15_000, stopMs: 500 },
    whisper: { memoryGib: 4, loadMs: 3_000, stopMs: 500 },
  },
}
/** The defaults of `scheduling` in routes.json. */
export const LIMITS: Limits = { minResidencyMs: 5_000, patienceMs: 10_000, maxWaitMs: 120_000 }
/** Between the begins of two sessions, on average: the picture maker then works four fifths of the time. */
const GAP_MS = 45_000
const STEP_MS = 60_000

export const POLICIES = ['ours', 'first-come', 'LRU on demand'] as const
export type PolicyName = (typeof POLICIES)[number]

/** What one policy made of one trace. */
export interface SwapsRow extends Outcome {
  readonly seed: number
  readonly policy: PolicyName
  readonly swaps: number
  readonly loadingMs: number
}

export interface SwapsAsk {
  readonly seed: number
  /** So many seeds, each one above the last. */
  readonly seeds: number
  readonly asks: number
}

/** Has each policy serve the same traces, in virtual time: the same numbers for the same seeds, on any machine. */
export async function measureSwaps({ seed: first, seeds, asks }: SwapsAsk): Promise<SwapsRow[]> {
  const rows: SwapsRow[] = []
  for (let seed = first; seed < first + seeds; seed += 1) {
    const trace = makeTrace({ seed, asks, gapMs: GAP_MS })
    for (const policy of POLICIES) rows.push({ seed, policy, ...(await simulate(policy, trace)) })
  }
  return rows
}

/** What a policy makes of a trace, on this card and with these limits. */
export async function simulate(
  policy: PolicyName,
  trace: readonly Session[],
  { card, limits }: { card: Card; limits: Limits } = { card: CARD, limits: LIMITS },
): Promise<Omit<SwapsRow, 'seed' | 'policy'>> {
  const clock = new FakeClock()
  const makers: Record<PolicyName, () => Simulated> = {
    ours: () => new Ours(card, clock, limits),
    'first-come': () => new FirstCome(card, clock),
    'LRU on demand': () => new LruOnDemand(card, clock),
  }
  const world = makers[policy]()
  let outcome: Outcome | undefined
  const playing = play(trace, world, clock).then((end) => {
    outcome = end
  })
  while (outcome === undefined) await Promise.race([playing, clock.pass(STEP_MS)])
  return { ...outcome, swaps: world.loads, loadingMs: world.loadingMs }
}

import fc from 'fast-check'
import type { Amounts } from '../../src/memory/amounts.js'
import type { Scenario } from './memory-world.js'
import type { SimConfig } from './sim-backend.js'

const CARDS = ['gpu0', 'gpu1'] as const
const TOTAL = 12
/** What is kept loaded has no more, and the others no more than the rest, so that each can have its turn. */
const KEPT = 3

const needs = (most: number): fc.Arbitrary<Amounts[]> => {
  const bytes = fc.oneof(
    fc.integer({ min: 1, max: most }),
    fc.constantFrom(Math.ceil(most / 2), most),
  )
  const device = fc.constantFrom('gpu0', 'gpu0', 'gpu0', 'gpu1', 'ram')
  const one = fc.tuple(device, bytes).map(([name, amount]) => [{ [name]: amount }])
  const two = fc
    .tuple(fc.constantFrom('gpu0', 'gpu0', 'gpu1'), bytes, bytes)
    .map(([name, amount, ram]) => [{ [name]: amount, ram }])
  const any = bytes.map((amount) => CARDS.map((name) => ({ [name]: amount })))
  return fc.oneof({ arbitrary: one, weight: 3 }, { arbitrary: two, weight: 1 }, any)
}

const backend = (index: number): fc.Arbitrary<SimConfig> =>
  fc.boolean().chain((isKept) => {
    const keepLoaded = isKept && index === 0
    return fc.record({
      name: fc.constant(`b${index}`),
      placements: keepLoaded ? needs(KEPT).map((all) => all.slice(0, 1)) : needs(TOTAL - KEPT),
      priority: fc.integer({ min: 0, max: 2 }),
      concurrency: fc.constantFrom(1, 1, 2, 0),
      keepLoaded: fc.constant(keepLoaded),
      startMs: fc.integer({ min: 1, max: 12 }),
      stopMs: fc.integer({ min: 0, max: 5 }),
      starts: keepLoaded
        ? fc.constant(['well'] as const)
        : fc.array(fc.constantFrom('well', 'well', 'well', 'fails', 'runs out'), {
            minLength: 1,
            maxLength: 4,
          }),
    })
  })

const client = (backends: number) =>
  fc.record({
    backend: fc.nat({ max: backends - 1 }),
    fromMs: fc.nat({ max: 60 }),
    requests: fc.integer({ min: 1, max: 20 }),
    lengthMs: fc.integer({ min: 1, max: 12 }),
    pauseMs: fc.constantFrom(0, 0, 0, 1, 5, 20),
    leavesAfterMs: fc.constantFrom(0, 0, 0, 0, 3, 15, 40),
  })

const episode = fc.record({
  device: fc.constantFrom(...CARDS, 'ram'),
  fromMs: fc.nat({ max: 150 }),
  forMs: fc.integer({ min: 1, max: 40 }),
  bytes: fc.integer({ min: 1, max: TOTAL }),
})

/** Up to five backends that contend for up to three devices, and those who ask for them. */
export const scenarios: fc.Arbitrary<Scenario> = fc.integer({ min: 2, max: 5 }).chain((count) =>
  fc.record({
    totals: fc.constant({ gpu0: TOTAL, gpu1: TOTAL, ram: TOTAL }),
    limits: fc.record({
      minResidencyMs: fc.nat({ max: 10 }),
      patienceMs: fc.nat({ max: 20 }),
    }),
    settleMs: fc.nat({ max: 3 }),
    backends: fc.tuple(...Array.from({ length: count }, (_, i) => backend(i))),
    clients: fc.array(client(count), { minLength: 2, maxLength: 8, size: 'max' }),
    episodes: fc.oneof(
      { arbitrary: fc.constant([]), weight: 2 },
      fc.array(episode, { maxLength: 2 }),
    ),
  }),
)

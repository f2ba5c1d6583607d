import t from 'tap'
import { seeded, World } from './world.js'

/** 3,000 and more on demand: GATEHOUSE_CHAOS_STEPS=3000 npx tap test/chaos/*.test.ts --timeout=0 */
const STEPS = Number(process.env.GATEHOUSE_CHAOS_STEPS ?? 150)
const SEED = Number(process.env.GATEHOUSE_CHAOS_SEED ?? Date.now() % 1_000_000)

t.test(
  `whatever happens ${STEPS} times, one process a backend, right answers, nothing left`,
  async (t) => {
    t.comment(`seed ${SEED}: GATEHOUSE_CHAOS_SEED=${SEED} does the same again`)
    const world = await World.create(t, seeded(SEED))
    for (let step = 0; step < STEPS; step += 1) await world.step()
    await world.settle()
    await world.check('at the end')
    await world.close()
    t.same(world.faults, [])
    const odd = [...world.outcomes.keys()].filter((outcome) => outcome.startsWith('odd'))
    t.same(odd, [], 'every ask ended in an answer, an error or a broken connection')
    t.ok((world.outcomes.get('200') ?? 0) > STEPS / 20, 'and many of them in an answer')
    t.comment(`outcomes: ${JSON.stringify(Object.fromEntries(world.outcomes))}`)
  },
)

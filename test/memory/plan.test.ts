import fc from 'fast-check'
import t from 'tap'
import { type Amounts, isEmpty, shortage, sum } from '../../src/memory/amounts.js'
import { cheapest } from '../../src/memory/cheapest.js'
import { plan, type Tenant } from '../../src/memory/plan.js'

const gpu = (bytes: number): Amounts => ({ gpu0: bytes })

function tenant(name: string, is: Tenant['is'], rest: Partial<Tenant> = {}): Tenant {
  return { name, is, amounts: gpu(4), cost: 1, ...rest }
}

/** For one that needs so much of a card of ten. */
const planFor = (bytes: number, tenants: readonly Tenant[]) =>
  plan({ placements: [gpu(bytes)] }, gpu(10), tenants)

t.test('what fits beside all others is granted, to the last byte', async (t) => {
  t.same(planFor(6, [tenant('a', 'busy')]), { do: 'grant', amounts: gpu(6) })
  t.same(planFor(7, [tenant('a', 'busy')]), { do: 'wait', names: ['a'], amounts: gpu(7) })
})

t.test('a device without a limit has room for everybody', async (t) => {
  const ask = { placements: [{ gpu0: 1, ram: 999 }] }
  t.equal(plan(ask, gpu(10), [tenant('a', 'fixed', { amounts: { ram: 999 } })]).do, 'grant')
})

t.test('who needs nothing of a device that is overfull is not kept from it', async (t) => {
  const full = [tenant('a', 'idle', { amounts: gpu(12) })]
  t.equal(plan({ placements: [{ gpu0: 0, ram: 1 }] }, { gpu0: 10, ram: 5 }, full).do, 'grant')
})

t.test('the cheapest of the idle that suffices is stopped', async (t) => {
  const all = [tenant('dear', 'idle', { cost: 5 }), tenant('cheap', 'idle', { cost: 2 })]
  t.same(planFor(6, all), { do: 'evict', names: ['cheap'], amounts: gpu(6) })
})

t.test('one dear one is stopped rather than two that are dearer together', async (t) => {
  const all = [
    tenant('large', 'idle', { amounts: gpu(6), cost: 5 }),
    tenant('small', 'idle', { amounts: gpu(2), cost: 3 }),
    tenant('little', 'idle', { amounts: gpu(2), cost: 3 }),
  ]
  t.same(planFor(4, all), { do: 'evict', names: ['large'], amounts: gpu(4) })
})

t.test('nobody is stopped where all the idle together would not suffice', async (t) => {
  const all = [tenant('idle', 'idle'), tenant('busy', 'busy')]
  t.same(planFor(9, all), { do: 'wait', names: ['idle', 'busy'], amounts: gpu(9) })
})

t.test('nobody is stopped on a device that is not short', async (t) => {
  const all = [
    tenant('elsewhere', 'idle', { amounts: { ram: 9 }, cost: 0.1 }),
    tenant('here', 'idle', { amounts: { gpu0: 8, ram: 1 }, cost: 9 }),
  ]
  const planned = plan({ placements: [{ gpu0: 5, ram: 1 }] }, { gpu0: 10, ram: 12 }, all)
  t.same(planned.do === 'evict' && planned.names, ['here'])
})

for (const is of ['busy', 'young'] as const) {
  t.test(`one that is ${is} is waited for, and not stopped`, async (t) => {
    t.same(planFor(8, [tenant('a', is)]), { do: 'wait', names: ['a'], amounts: gpu(8) })
  })
}

t.test(
  'those that leave are waited for, and nobody is stopped beside them if they suffice',
  async (t) => {
    const all = [tenant('leaving', 'leaving'), tenant('idle', 'idle')]
    t.same(planFor(6, all), { do: 'wait', names: [], amounts: gpu(6) })
    t.same(planFor(8, all), { do: 'evict', names: ['idle'], amounts: gpu(8) }, 'else the rest is')
  },
)

t.test('where only those that stay hold the memory, nobody is waited for', async (t) => {
  t.same(planFor(8, [tenant('kept', 'fixed')]), { do: 'stuck', amounts: gpu(8) })
  t.same(plan({ placements: [gpu(6)] }, gpu(5), []), { do: 'stuck', amounts: gpu(6) })
})

/** For one that needs seven of any of two cards of ten. */
const anyCard = (tenants: readonly Tenant[]) =>
  plan({ placements: [{ gpu0: 7 }, { gpu1: 7 }] }, { gpu0: 10, gpu1: 10 }, tenants)

t.test('of any card that one is taken which has room', async (t) => {
  const first = tenant('a', 'idle', { cost: 0.1 })
  t.same(anyCard([first]), { do: 'grant', amounts: { gpu1: 7 } })
  t.same(anyCard([]), { do: 'grant', amounts: { gpu0: 7 } }, 'and the first if both have')
})

t.test('of any card that one is cleared where it costs less', async (t) => {
  const [dear, cheap] = [tenant('a', 'idle', { cost: 5 }), tenant('b', 'idle')]
  const planned = anyCard([dear, { ...cheap, amounts: { gpu1: 4 } }])
  t.same(planned, { do: 'evict', names: ['b'], amounts: { gpu1: 7 } })
})

t.test('where enough leaves on one card, nobody is stopped on another', async (t) => {
  const leaving = tenant('a', 'leaving')
  const idle = tenant('b', 'idle', { amounts: { gpu1: 4 }, cost: 0.1 })
  t.same(anyCard([leaving, idle]), { do: 'wait', names: [], amounts: { gpu0: 7 } })
  t.same(anyCard([{ ...leaving, is: 'busy' }, idle]).do, 'evict', 'but if it is only busy')
})

t.test('who could do with no placement at all waits: its device may come back', async (t) => {
  t.same(plan({ placements: [] }, { gpu0: 1 }, []), { do: 'stuck', amounts: {} })
})

const DEVICES = ['gpu0', 'gpu1', 'ram']
const amounts = fc.dictionary(fc.constantFrom(...DEVICES), fc.nat({ max: 9 }), { maxKeys: 3 })
const tenants = fc
  .array(
    fc.record({
      amounts,
      is: fc.constantFrom('idle', 'idle', 'busy', 'young', 'leaving', 'fixed'),
      cost: fc.integer({ min: 1, max: 9 }),
    }),
    { maxLength: 7 },
  )
  .map((all) => all.map((one, i): Tenant => ({ ...one, name: `t${i}` })))
const room = fc.record({
  gpu0: fc.nat({ max: 25 }),
  gpu1: fc.nat({ max: 25 }),
  ram: fc.nat({ max: 25 }),
})

interface Scene {
  readonly placements: readonly Amounts[]
  readonly available: Amounts
  readonly all: readonly Tenant[]
}

/** Whether it fits once these have gone. */
function fits(wanted: Amounts, { available, all }: Scene, gone: readonly Tenant[]): boolean {
  const taken = sum(all.filter((one) => !gone.includes(one)).map((one) => one.amounts))
  return Object.entries(wanted).every(
    ([device, bytes]) => bytes === 0 || (taken[device] ?? 0) + bytes <= (available[device] ?? 0),
  )
}

function subsets<T>(all: readonly T[]): T[][] {
  return all.reduce<T[][]>((sets, one) => sets.flatMap((set) => [set, [...set, one]]), [[]])
}

const costOf = (set: readonly Tenant[]) => set.reduce((total, { cost }) => total + cost, 0)

/** By trying all sets: what is to be done, and what that costs at least. */
function byTrying(scene: Scene): { do: string; cost: number } {
  const { placements, all } = scene
  const suffice = (gone: readonly Tenant[]) => placements.some((one) => fits(one, scene, gone))
  const those = (...who: Tenant['is'][]) => all.filter(({ is }) => who.includes(is))
  if (suffice([])) return { do: 'grant', cost: 0 }
  const leaving = those('leaving')
  if (suffice(leaving)) return { do: 'wait', cost: 0 }
  const costs = (of: readonly Tenant[]) =>
    subsets(of)
      .filter((set) => suffice([...leaving, ...set]))
      .map(costOf)
  const [now, later] = [costs(those('idle')), costs(those('idle', 'young', 'busy'))]
  if (now.length > 0) return { do: 'evict', cost: Math.min(...now) }
  return later.length > 0 ? { do: 'wait', cost: Math.min(...later) } : { do: 'stuck', cost: 0 }
}

t.test('for all asks, exactly those are stopped that cost least of all who suffice', async (t) => {
  const scenes = fc.record({
    placements: fc.array(amounts, { minLength: 1, maxLength: 2 }),
    available: room,
    all: tenants,
  })
  const property = fc.property(scenes, (scene) => {
    const planned = plan(scene, scene.available, scene.all)
    const names = 'names' in planned ? planned.names : []
    const set = scene.all.filter(({ name }) => names.includes(name))
    const left = planned.do === 'grant' ? [] : scene.all.filter(({ is }) => is === 'leaving')
    const gone = [...left, ...set]
    const isEnough = planned.do === 'stuck' || fits(planned.amounts, scene, gone)
    const expected = byTrying(scene)
    return isEnough && planned.do === expected.do && costOf(set) === expected.cost
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 1_000 }))
})

t.test('also of very many, those that are stopped suffice, and none of them in vain', async (t) => {
  const all = Array.from({ length: 40 }, (_, i) => ({
    name: `t${i}`,
    amounts: { gpu0: 1 + (i % 7), gpu1: i % 3 },
    cost: 1 + (i % 5),
  }))
  for (const wanted of [gpu(1), gpu(30), { gpu0: 20, gpu1: 10 }]) {
    const names = cheapest(wanted, all) ?? []
    const suffice = (some: readonly string[]) =>
      isEmpty(
        shortage(
          wanted,
          sum(all.filter(({ name }) => some.includes(name)).map((one) => one.amounts)),
        ),
      )
    t.ok(suffice(names))
    for (const name of names) t.notOk(suffice(names.filter((other) => other !== name)), name)
  }
  t.equal(cheapest(gpu(999), all), undefined)
})

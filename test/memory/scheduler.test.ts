import t from 'tap'
import { Departure } from '../../src/departure.js'
import { settled } from '../helpers/fake-clock.js'
import { HandHolder, MemoryScene } from '../helpers/memory-scene.js'

t.test('memory that is free is given at once', async (t) => {
  const scene = new MemoryScene()
  const asked = scene.ask(new HandHolder('a'), 10)
  await settled()
  t.same(asked.grant?.amounts, { gpu0: 10 })
  t.same(scene.holders, ['a'])
  t.equal(scene.scheduler.reserved().get('a')?.hasLoaded, false)
  t.equal(scene.clock.timers, 0)
})

t.test(
  'an idle holder is stopped for one who asks, who has its memory once that is back',
  async (t) => {
    const scene = new MemoryScene()
    const { holder, grant } = await scene.resident('a', 8)
    const asked = scene.ask(new HandHolder('b'), 8)
    await settled()
    t.same(holder.evictions, ['room'])
    t.same(asked.grant, undefined, 'it still has it')
    let show = () => {}
    scene.settle = new Promise<void>((resolve) => {
      show = resolve
    })
    const released = grant.release()
    await settled()
    t.same(asked.grant, undefined, 'the driver does not show it yet')
    show()
    await released
    await scene.granted(asked)
    t.same(scene.holders, ['b'])
  },
)

t.test('all who are to be stopped are chosen before the first is', async (t) => {
  const scene = new MemoryScene()
  const { holder: first } = await scene.resident('a', 3)
  const { holder: second } = await scene.resident('b', 3)
  const { holder: third } = await scene.resident('c', 3)
  first.cost = 9
  const phases: string[][] = []
  second.onEvict = () => phases.push(scene.scheduler.tenants().map(({ is }) => is))
  scene.ask(new HandHolder('d'), 7)
  t.same([first.evictions, second.evictions, third.evictions], [[], ['room'], ['room']])
  t.same(phases, [['idle', 'leaving', 'idle']])
  scene.scheduler.look()
  t.same([second.evictions.length, third.evictions.length], [1, 1], 'once')
})

t.test('nobody is stopped where that would not suffice', async (t) => {
  const scene = new MemoryScene()
  const { holder: idle } = await scene.resident('a', 5)
  const { holder: busy } = await scene.resident('b', 5)
  busy.running = 1
  const asked = scene.ask(new HandHolder('c'), 8)
  t.same(idle.evictions, [])
  busy.running = 0
  scene.scheduler.look()
  t.same([idle.evictions, busy.evictions], [['room'], ['room']])
  asked.leave()
})

t.test('one that starts, works, has work waiting or is kept loaded is not stopped', async (t) => {
  const scene = new MemoryScene()
  const holder = new HandHolder('a')
  const { grant } = await scene.granted(scene.ask(holder, 8))
  const asked = scene.ask(new HandHolder('b'), 8)
  scene.scheduler.look()
  t.same(holder.evictions, [], 'it starts')
  holder.running = 1
  grant.ready()
  await scene.pass(10)
  t.same(holder.evictions, [], 'it works')
  Object.assign(holder, { running: 0, waiting: 1 })
  scene.scheduler.look()
  t.same(holder.evictions, [], 'its next request is about to run')
  Object.assign(holder, { waiting: 0, staysLoaded: true })
  scene.scheduler.look()
  t.same(holder.evictions, [], 'it is kept loaded')
  holder.staysLoaded = false
  scene.scheduler.look()
  t.same(holder.evictions, ['room'])
  asked.leave()
})

t.test(
  'one that has just become ready is stopped as soon as it is old enough, without being told',
  async (t) => {
    const scene = new MemoryScene({ minResidencyMs: 7 })
    const holder = new HandHolder('a')
    const { grant } = await scene.granted(scene.ask(holder, 8))
    await scene.pass(50)
    grant.ready()
    scene.ask(new HandHolder('b'), 8)
    await scene.pass(6)
    t.same(holder.evictions, [])
    await scene.pass(1)
    t.same(holder.evictions, ['room'])
  },
)

t.test('what a holder was seen to hold counts if it is more than it was given', async (t) => {
  const scene = new MemoryScene()
  const { holder } = await scene.resident('a', 4)
  holder.running = 1
  scene.seen = { a: { gpu0: 7 } }
  const asked = scene.ask(new HandHolder('b'), 6)
  await settled()
  t.same(asked.grant, undefined)
  scene.seen = { a: { gpu0: 1 } }
  const large = scene.ask(new HandHolder('c'), 7)
  scene.scheduler.look()
  await scene.granted(asked)
  t.same(large.grant, undefined, 'what it was given it may need yet')
})

t.test('nothing is given while others have more than there is for them', async (t) => {
  const scene = new MemoryScene()
  await scene.resident('a', 4)
  scene.room = { gpu0: 3 }
  const asked = scene.ask(new HandHolder('b'), 3)
  scene.scheduler.look()
  await settled()
  t.same(asked.grant, undefined)
  asked.leave()
})

t.test('who cannot wait any more holds nothing, and makes way for those behind', async (t) => {
  const scene = new MemoryScene({ patienceMs: 0 })
  const { holder } = await scene.resident('a', 6)
  holder.running = 1
  const large = scene.ask(new HandHolder('b'), 8)
  const small = scene.ask(new HandHolder('c'), 4)
  await settled()
  t.same(small.grant, undefined)
  large.leave()
  await scene.granted(small)
  t.match(large.error, { message: 'left' })
  t.same(scene.holders, ['a', 'c'])
  t.equal(scene.clock.timers, 0, 'nobody waits: there is nothing to look at later')
})

t.test('who has left before it asks is refused at once', async (t) => {
  const scene = new MemoryScene()
  const gone = new Departure()
  gone.leave(new Error('gone'))
  const ask = { holder: new HandHolder('a'), placements: [{ gpu0: 1 }], priority: 0, askedAtMs: 0 }
  await t.rejects(scene.scheduler.reserve(ask, gone), { message: 'gone' })
  t.same(scene.holders, [])
})

t.test('who leaves while memory is given to others is given none', async (t) => {
  const scene = new MemoryScene()
  const { holder } = await scene.resident('a', 6)
  holder.running = 1
  const first = scene.ask(new HandHolder('b'), 8)
  const second = scene.ask(new HandHolder('c'), 5)
  holder.onEvict = () => {
    second.leave()
    scene.room = { gpu0: 20 }
  }
  holder.running = 0
  scene.scheduler.look()
  await settled()
  t.match(second.error, { message: 'left' })
  t.notOk(scene.holders.includes('c'), 'its memory would never be given back')
  t.ok(first.grant, 'the other had room by then')
})

t.test('who stops one on one card stops no other on the next look', async (t) => {
  const scene = new MemoryScene()
  scene.room = { gpu0: 10, gpu1: 10 }
  const { holder: first } = await scene.resident('a', [{ gpu0: 8 }])
  const { holder: second } = await scene.resident('b', [{ gpu1: 8 }])
  scene.ask(new HandHolder('c'), [{ gpu0: 8 }, { gpu1: 8 }])
  scene.scheduler.look()
  t.same([first.evictions, second.evictions], [['room'], []])
})

t.test(
  'what could not be stopped keeps its memory, and another is stopped in its place',
  async (t) => {
    const scene = new MemoryScene()
    const { holder: first, grant } = await scene.resident('a', 5)
    const { holder: second } = await scene.resident('b', 5)
    second.cost = 2
    scene.ask(new HandHolder('c'), 5)
    t.same([first.evictions, second.evictions], [['room'], []])
    grant.stuck()
    t.same(second.evictions, ['room'], 'at once')
    const left = scene.scheduler.tenants().find(({ name }) => name === 'a (left behind)')
    t.equal(left?.is, 'fixed', 'also when another has its name')
  },
)

t.test('new limits count at once for those who wait', async (t) => {
  const scene = new MemoryScene({ minResidencyMs: 1_000, patienceMs: 1_000 })
  const holder = new HandHolder('a')
  const { grant } = await scene.granted(scene.ask(holder, 8))
  grant.ready()
  scene.ask(new HandHolder('b'), 8)
  await scene.pass(20)
  scene.scheduler.configure({ minResidencyMs: 40, patienceMs: 30 })
  holder.running = 1
  await scene.pass(10)
  t.notOk(
    scene.scheduler.mustYield('a'),
    'it is too young to be stopped: who asks for it delays nobody',
  )
  await scene.pass(10)
  t.ok(scene.scheduler.mustYield('a'))
  holder.running = 0
  scene.scheduler.look()
  t.same(holder.evictions, ['room'])
})

t.test('at the end nobody waits for a driver, and nothing is to happen later', async (t) => {
  const scene = new MemoryScene()
  const { holder, grant } = await scene.resident('a', 8)
  holder.running = 1
  const asked = scene.ask(new HandHolder('b'), 9)
  t.equal(scene.clock.timers, 1)
  scene.settle = new Promise(() => {})
  scene.scheduler.close()
  t.equal(scene.clock.timers, 0)
  asked.leave()
  await grant.release()
  t.same([scene.holders, scene.clock.timers], [[], 0])
})

t.test('nothing that is loaded is lost when one look fails', async (t) => {
  const scene = new MemoryScene()
  const { holder, grant } = await scene.resident('a', 8)
  holder.running = 1
  const asked = scene.ask(new HandHolder('b'), 9)
  holder.isIdle = () => {
    throw new Error('broken')
  }
  t.throws(() => scene.scheduler.look(), { message: 'broken' })
  await grant.release()
  await scene.granted(asked)
})

import t from 'tap'
import { Departure } from '../../src/departure.js'
import { settled } from '../helpers/fake-clock.js'
import { HandHolder, MemoryScene } from '../helpers/memory-scene.js'

const stays = new Departure()

t.test('the higher priority goes first, then the older', async (t) => {
  const scene = new MemoryScene()
  const { holder, grant } = await scene.resident('a', 10)
  holder.running = 1
  const names = ['b', 'c', 'd', 'e']
  const asked = [0, 2, 2, 1].map((priority, i) =>
    scene.ask(new HandHolder(names[i] ?? ''), 8, { priority, askedAtMs: -i }),
  )
  t.same(scene.line, ['d', 'c', 'e', 'b'])
  await grant.release()
  await settled()
  t.ok(asked[2]?.grant)
  t.same(scene.line, ['c', 'e', 'b'])
})

t.test(
  'who has waited for its patience goes before all who have not, the oldest first',
  async (t) => {
    const scene = new MemoryScene({ patienceMs: 50 })
    const { holder } = await scene.resident('a', 10)
    holder.running = 1
    scene.ask(new HandHolder('b'), 8)
    await scene.pass(10)
    scene.ask(new HandHolder('c'), 8, { priority: 3 })
    await scene.pass(35)
    scene.ask(new HandHolder('d'), 8, { priority: 9 })
    t.same(scene.line, ['d', 'c', 'b'])
    await scene.pass(5)
    t.same(scene.line, ['b', 'd', 'c'])
    await scene.pass(10)
    t.same(scene.line, ['b', 'c', 'd'])
  },
)

t.test('an ask that begins to wait for memory late is as old as its request', async (t) => {
  const scene = new MemoryScene({ patienceMs: 50 })
  const { holder } = await scene.resident('a', 10)
  holder.running = 1
  await scene.pass(100)
  scene.ask(new HandHolder('b'), 8, { askedAtMs: 20 })
  t.ok(scene.scheduler.mustYield('a'))
})

t.test(
  'those in the way of one whose patience is over must yield until it has what it needs',
  async (t) => {
    const scene = new MemoryScene({ patienceMs: 50 })
    const { holder, grant } = await scene.resident('a', 6)
    await scene.resident('elsewhere', [{ ram: 6 }])
    holder.running = 1
    const asked = scene.ask(new HandHolder('b'), 8)
    await scene.pass(49)
    t.notOk(scene.scheduler.mustYield('a'))
    await scene.pass(1)
    t.ok(scene.scheduler.mustYield('a'))
    t.notOk(scene.scheduler.mustYield('elsewhere'), 'that holds nothing that is wanted')
    let hasPassed = false
    const passing = scene.scheduler.whenMayPass('a', stays).then(() => {
      hasPassed = true
    })
    Object.assign(holder, { running: 0, waiting: 3 })
    scene.scheduler.look()
    t.same(holder.evictions, ['room'], 'those who only wait for their turn do not keep it')
    await grant.release()
    await scene.granted(asked)
    await passing
    t.ok(hasPassed)
    t.notOk(scene.scheduler.mustYield('a'))
  },
)

t.test('they need not yield any more when it leaves', async (t) => {
  const scene = new MemoryScene({ patienceMs: 0 })
  const { holder } = await scene.resident('a', 6)
  holder.running = 1
  const asked = scene.ask(new HandHolder('b'), 8)
  const passing = scene.scheduler.whenMayPass('a', stays)
  t.ok(scene.scheduler.mustYield('a'))
  asked.leave()
  t.notOk(scene.scheduler.mustYield('a'))
  await t.resolves(passing)
  t.same(holder.evictions, [])
})

t.test('who yields may leave meanwhile', async (t) => {
  const scene = new MemoryScene({ patienceMs: 0 })
  const { holder } = await scene.resident('a', 6)
  holder.running = 1
  scene.ask(new HandHolder('b'), 8)
  const client = new Departure()
  const passing = scene.scheduler.whenMayPass('a', client)
  client.leave(new Error('left'))
  await t.rejects(passing, { message: 'left' })
  t.ok(scene.scheduler.mustYield('a'))
  await t.resolves(scene.scheduler.whenMayPass('open', stays), 'who need not yield passes at once')
})

t.test('who was asked to yield is stopped rather than a cheaper one that was not', async (t) => {
  const scene = new MemoryScene({ patienceMs: 0 })
  const { holder: first } = await scene.resident('a', 5)
  const { holder: second } = await scene.resident('b', 5)
  first.running = 1
  second.running = 1
  scene.ask(new HandHolder('c'), 5)
  t.same([scene.scheduler.mustYield('a'), scene.scheduler.mustYield('b')], [true, false])
  Object.assign(first, { cost: 3, running: 0 })
  second.running = 0
  scene.scheduler.look()
  t.same([first.evictions, second.evictions], [['room'], []])
})

t.test(
  'a smaller one may go before a larger one as long as that has patience, and not after',
  async (t) => {
    const scene = new MemoryScene({ patienceMs: 50 })
    const { holder } = await scene.resident('a', 6)
    holder.running = 1
    const large = scene.ask(new HandHolder('b'), 8)
    await scene.granted(scene.ask(new HandHolder('c'), 2))
    await scene.pass(50)
    const small = scene.ask(new HandHolder('d'), 2)
    await settled()
    t.same(small.grant, undefined, 'it fits, and has to wait')
    large.leave()
    await scene.granted(small)
  },
)

t.test('what is promised on one device keeps nobody from another', async (t) => {
  const scene = new MemoryScene({ patienceMs: 0 })
  scene.room = { gpu0: 10, ram: 10 }
  const { holder } = await scene.resident('a', 6)
  holder.running = 1
  scene.ask(new HandHolder('b'), 8)
  const elsewhere = scene.ask(new HandHolder('c'), [{ ram: 10 }])
  await settled()
  t.ok(elsewhere.grant)
})

t.test('nobody takes what another one is stopped for', async (t) => {
  const scene = new MemoryScene()
  const { grant } = await scene.resident('a', 6)
  const asked = scene.ask(new HandHolder('b'), 8)
  const small = scene.ask(new HandHolder('c'), 3)
  await grant.release()
  await scene.granted(asked)
  t.same(small.grant, undefined)
  t.same(scene.line, ['c'])
})

t.test(
  'one whose clients are about to come back is left to them, but not once patience is over',
  async (t) => {
    const scene = new MemoryScene({ patienceMs: 50 })
    const { holder: first } = await scene.resident('a', 10)
    first.expected = 30
    scene.ask(new HandHolder('b'), 8)
    await scene.pass(24)
    t.same(first.evictions, [])
    await scene.pass(1)
    t.same(first.evictions, ['room'], 'they did not come')
    const again = new MemoryScene({ patienceMs: 50 })
    const { holder: second } = await again.resident('a', 10)
    second.expected = 1_000
    again.ask(new HandHolder('b'), 8)
    await again.pass(50)
    t.same(second.evictions, ['room'], 'they may come, and it has waited for long enough')
  },
)

t.test(
  'when the cheapest does not come to rest for long, whoever would help gets no new requests',
  async (t) => {
    const scene = new MemoryScene({ patienceMs: 2_000 })
    const { holder: endless } = await scene.resident('a', 5)
    const { holder: chatting } = await scene.resident('b', 5)
    chatting.cost = 9
    endless.running = 1
    chatting.running = 1
    scene.ask(new HandHolder('c'), 5)
    await scene.pass(2_000)
    const yields = () => ['a', 'b'].map((name) => scene.scheduler.mustYield(name))
    t.same(yields(), [true, false])
    await scene.pass(2_000)
    t.same(yields(), [true, true])
    chatting.running = 0
    scene.scheduler.look()
    t.same([endless.evictions, chatting.evictions], [[], ['room']])
    t.same(yields(), [false, false], 'one that leaves is enough')
  },
)

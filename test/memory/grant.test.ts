import t from 'tap'
import { settled } from '../helpers/fake-clock.js'
import { HandHolder, MemoryScene } from '../helpers/memory-scene.js'

t.test('what runs already takes its memory only if there is enough', async (t) => {
  const scene = new MemoryScene()
  scene.room = { gpu0: 10, gpu1: 10 }
  await scene.resident('a', 8)
  const { scheduler } = scene
  t.equal(scheduler.take(new HandHolder('b'), [{ gpu0: 3 }]), undefined)
  t.same(scene.holders, ['a'])
  const taken = scheduler.take(new HandHolder('b'), [{ gpu0: 3 }, { gpu1: 3 }])
  t.same(taken?.amounts, { gpu1: 3 })
  t.equal(scheduler.reserved().get('b')?.hasLoaded, true)
  await taken?.release()
  t.same(scene.holders, ['a'])
})

t.test('what turns out to be too much is for others', async (t) => {
  const scene = new MemoryScene()
  const { holder, grant } = await scene.resident('a', [{ gpu0: 8, ram: 2 }])
  holder.running = 1
  const asked = scene.ask(new HandHolder('b'), 6)
  grant.shrink({ gpu0: 4 })
  t.same(grant.amounts, { gpu0: 4, ram: 2 })
  grant.shrink({ gpu0: 9 })
  t.same(grant.amounts, { gpu0: 4, ram: 2 }, 'and it does not grow')
  scene.scheduler.look()
  await scene.granted(asked)
})

t.test('one more is freed: the cheapest that is idle, of those on these devices', async (t) => {
  const scene = new MemoryScene()
  const { holder: dear } = await scene.resident('a', 2)
  const { holder: cheap, grant } = await scene.resident('b', 2)
  const { holder: busy } = await scene.resident('c', 2)
  const { holder: elsewhere } = await scene.resident('d', [{ ram: 2 }])
  Object.assign(dear, { cost: 5 })
  Object.assign(cheap, { cost: 4 })
  Object.assign(busy, { cost: 1, running: 1 })
  Object.assign(elsewhere, { cost: 0.1 })
  let freed: boolean | undefined
  const freeing = scene.scheduler.freeOne(['gpu0'], 'out-of-memory').then((is) => {
    freed = is
  })
  await settled()
  const evictions = [dear, cheap, busy, elsewhere].map((one) => one.evictions.length)
  t.same([evictions, cheap.evictions], [[0, 1, 0, 0], ['out-of-memory']])
  t.same(freed, undefined)
  await grant.release()
  await freeing
  t.equal(freed, true)
})

t.test('nothing is freed where nobody is idle, or what was to end lives on', async (t) => {
  const scene = new MemoryScene()
  t.equal(await scene.scheduler.freeOne(['gpu0'], 'out-of-memory'), false)
  const { grant } = await scene.resident('a', 2)
  const freeing = scene.scheduler.freeOne(['gpu0'], 'out-of-memory')
  grant.stuck()
  t.equal(await freeing, false)
})

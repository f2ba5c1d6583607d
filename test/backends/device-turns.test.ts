import t from 'tap'
import { DeviceTurns } from '../../src/backends/device-turns.js'
import type { DeviceConfig } from '../../src/config/config.js'
import { ASK, isPending } from '../helpers/backend.js'

function device(name: string, concurrency: number): DeviceConfig {
  return { name, concurrency, memoryBytes: 1, keepFreeBytes: 0, id: undefined }
}

t.test('those on one device take turns, those on others go on', async (t) => {
  const turns = new DeviceTurns([device('gpu0', 1), device('gpu1', 1), device('ram', 0)])
  const first = await turns.enter(['gpu0', 'ram'], ASK)
  const second = turns.enter(['gpu0'], ASK)
  t.ok(await isPending(second))
  const third = await turns.enter(['gpu1', 'ram', 'unknown'], ASK)
  t.ok(third)
  first.end()
  first.end()
  t.ok(await second)
  t.ok(await isPending(turns.enter(['gpu0'], ASK)), 'a turn that was ended twice was one')
})

t.test('who needs several devices never waits for somebody who waits for it', async (t) => {
  const turns = new DeviceTurns([device('gpu0', 1), device('gpu1', 1)])
  const asks = Array.from({ length: 20 }, (_, i) =>
    turns.enter(i % 2 ? ['gpu0', 'gpu1'] : ['gpu1', 'gpu0'], ASK).then((turn) => turn.end()),
  )
  await Promise.all(asks)
  t.ok(true, 'all had their turns')
})

t.test('who leaves while it waits for one device gives back the other', async (t) => {
  const turns = new DeviceTurns([device('gpu0', 1), device('gpu1', 1)])
  const busy = await turns.enter(['gpu1'], ASK)
  const leaver = new AbortController()
  const left = turns.enter(['gpu0', 'gpu1'], { ...ASK, signal: leaver.signal })
  t.ok(await isPending(left))
  leaver.abort(new Error('left'))
  await t.rejects(left, { message: 'left' })
  t.ok(await turns.enter(['gpu0'], ASK))
  busy.end()
})

t.test(
  'a changed limit holds for those who come, and an unchanged line stays as it is',
  async (t) => {
    const turns = new DeviceTurns([device('gpu0', 1), device('gpu1', 1)])
    const [kept] = await Promise.all([turns.enter(['gpu0'], ASK), turns.enter(['gpu1'], ASK)])
    turns.configure([device('gpu0', 1), device('gpu1', 2)])
    t.ok(await isPending(turns.enter(['gpu0'], ASK)))
    t.ok(await turns.enter(['gpu1'], ASK))
    kept.end()
  },
)

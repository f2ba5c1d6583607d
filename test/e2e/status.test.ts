import t from 'tap'
import { statusText } from '../../src/cli/status-text.js'
import { ask, CARD, keepBusy, on, stage, stateOf } from '../helpers/on-cards.js'
import { runProgram } from '../helpers/program.js'
import { until } from '../helpers/until.js'

t.test('status shows devices, backends and who waits for what', async (t) => {
  const a = on({ mib: 600, options: ['--token-interval', '40'] })
  const cards = [{ ...CARD, foreignMiB: 100 }]
  const { gateway } = await stage(t, { cards, backends: { a, b: on({ mib: 500 }) } })
  const { done, leave } = await keepBusy(gateway, 'a', 2_000)
  const other = ask(gateway, 'b')
  await until('it waits', () => gateway.app.memory.scheduler.isAnybodyWaiting)
  await until('what a holds is seen', async () => {
    await gateway.app.memory.meter.fresh()
    return gateway.app.memory.meter.held('a').seen.gpu0 !== undefined
  })
  const where = ['--config', `${gateway.folder}/routes.json`, '--port', String(gateway.port)]
  const text = runProgram(t, ['status', ...where])
  const json = runProgram(t, ['status', '--json', ...where])
  t.equal(await text.ended, 0)
  const [device, , , first, second, , waits] = text.out().split('\n')
  t.equal(
    device,
    'gpu0  [##############++--------]  700MiB of 1000MiB used  600MiB reserved  100MiB by others  Pretend 1000',
  )
  t.match(first, /^a +ready +1 +0 .*gpu0: declared 600MiB reserved 600MiB seen 600MiB peak 600MiB/)
  t.match(second, /^b +queued +0 +1 .*gpu0: declared 500MiB/)
  t.match(waits, /^b waits for 500MiB of gpu0, held by a: \d+ s so far(?:, about \d+ s to go)?$/)
  t.equal(await json.ended, 0)
  t.match(JSON.parse(json.out()), {
    devices: [{ name: 'gpu0', usedBytes: 700 * 2 ** 20 }],
    waitingForMemory: [{ backend: 'b', behind: ['a'] }],
  })
  leave()
  await t.rejects(done, { name: 'AbortError' })
  const { status, headers } = await other
  t.equal(status, 200)
  t.match(headers.get('x-gatehouse-queue'), /^0/, 'nobody was before it, and yet it had to wait')
  t.equal(stateOf(gateway, 'a'), 'stopped')
})

t.test('a reply that had to wait says how many were before it', async (t) => {
  const { gateway } = await stage(t, {
    backends: { a: on({ mib: 100, options: ['--token-interval', '20'] }) },
  })
  t.equal(
    (await ask(gateway, 'a')).headers.get('x-gatehouse-queue'),
    '0',
    'of its start nothing is known',
  )
  t.equal((await ask(gateway, 'a')).headers.get('x-gatehouse-queue'), null, 'it did not wait')
  const { done } = await keepBusy(gateway, 'a', 40)
  const replies = []
  for (const waiting of [1, 2]) {
    replies.push(ask(gateway, 'a'))
    await until('it waits', () => gateway.app.pool.get('a')?.status().waiting === waiting)
  }
  await done
  const queues = (await Promise.all(replies)).map(({ headers }) => headers.get('x-gatehouse-queue'))
  t.match(queues[0], /^0;\d+$/)
  t.match(queues[1], /^1;\d+$/)
})

t.test('what nobody knows is shown as such', (t) => {
  const text = statusText({
    version: '1',
    devices: [
      {
        name: 'gpu0',
        model: undefined,
        totalBytes: undefined,
        usedBytes: undefined,
        reservedBytes: 0,
        othersBytes: undefined,
        keepFreeBytes: 0,
      },
    ],
    backends: [],
    waitingForMemory: [],
  })
  t.match(text, /^gpu0 +\[ +\] +\? of \? used +0B reserved\n$/)
  t.end()
})

t.test('without a gateway there is nothing to show', async (t) => {
  const program = runProgram(t, ['status', '--port', '1'])
  t.equal(await program.ended, 1)
  t.match(program.err(), /no gateway answers at http:\/\/127\.0\.0\.1:1; is it running\?/)
})

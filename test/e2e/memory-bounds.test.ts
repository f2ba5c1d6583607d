import t from 'tap'
import { makeCards } from '../helpers/cards.js'
import { startGateway } from '../helpers/gateway.js'
import { ask, CARD, isEmpty, keepBusy, on, routesOf, stage } from '../helpers/on-cards.js'
import { until } from '../helpers/until.js'

t.test('all who wait for one backend are refused in time, not one after the other', async (t) => {
  const a = on({ mib: 600, options: ['--token-interval', '50'] })
  const backends = { a, b: on({ mib: 600 }) }
  const { gateway } = await stage(t, { backends, scheduling: { maxWait: '3s' } })
  const busy = await keepBusy(gateway, 'a', 200)
  const begun = performance.now()
  const all = [1, 2, 3, 4].map(() => ask(gateway, 'b'))
  await until('one has its turn', () => gateway.app.pool.get('b')?.status().waiting === 3)
  const statuses = (await Promise.all(all)).map(({ status }) => status)
  t.same(statuses, [503, 503, 503, 503])
  t.ok(performance.now() - begun < 4 * 3_000, 'that would be one after the other')
  busy.leave()
  t.rejects(busy.done)
  t.equal((await ask(gateway, 'b')).status, 200, 'and who comes later has all the time there is')
})

t.test('what is over its quota ends its running requests, however long they take', async (t) => {
  const options = ['--token-interval', '40']
  const greedy = { ...on({ mib: '400:200', options }), memory: {}, share: { gpu0: 0.5 } }
  const routes = routesOf({ greedy: { ...greedy, onOverQuota: 'stop' } })
  const { env } = makeCards(t, [CARD])
  const gateway = await startGateway(t, { ...routes, listen: { drainTimeout: '100ms' } }, { env })
  const stream = fetch(`${gateway.url}/greedy/api/extra/generate/stream`, {
    method: 'POST',
    body: JSON.stringify({ prompt: 'a', max_length: 60, ban_eos_token: true }),
  }).then((reply) => reply.text())
  const status = () => gateway.app.pool.get('greedy')?.status()
  await until('it runs', () => status()?.inFlight === 1)
  process.kill(status()?.pid ?? 0, 'SIGUSR2')
  await until('it is seen', async () => {
    await gateway.app.memory.meter.fresh()
    return status()?.state === 'stopping'
  })
  t.match((await stream).trimEnd().split('\n').at(-1), /"finish_reason": ?"length"/)
  await until('it is stopped', () => status()?.state === 'stopped')
  t.ok(isEmpty(gateway))
})

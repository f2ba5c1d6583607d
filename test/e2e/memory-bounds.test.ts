import t from 'tap'
import { ask, keepBusy, on, stage } from '../helpers/on-cards.js'
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

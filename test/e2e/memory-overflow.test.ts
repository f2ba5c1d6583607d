import t from 'tap'
import { ask, CARD, MIB, metric, on, stage, stateOf } from '../helpers/on-cards.js'
import { until } from '../helpers/until.js'

t.test('what has just loaded is not taken for what others hold less', async (t) => {
  for (const isSilent of [true, false]) {
    const cards = [{ ...CARD, foreignMiB: 250, isSilent }]
    const backends = { a: on({ mib: 400 }), b: on({ mib: 400 }) }
    const scheduling = { minResidency: '2s' } // nobody could make room for what ran out of memory
    const { gateway } = await stage(t, { cards, scheduling, backends })
    const both = await Promise.all([ask(gateway, 'a'), ask(gateway, 'b')])
    t.same(
      both.map(({ status }) => status),
      [200, 200],
    )
    const failed = gateway.starts.filter(({ outcome }) => outcome !== 'ready')
    t.same(failed, [], 'nothing ran out of memory')
    t.equal([stateOf(gateway, 'a'), stateOf(gateway, 'b')].filter((is) => is === 'ready').length, 1)
  }
})

t.test('what nothing is known of runs alone beside what is kept loaded', async (t) => {
  const kept = [{ share: { gpu0: 0.4 } }, { memory: { gpu: '400MiB' } }, { memory: 'auto' }]
  for (const needs of kept) {
    const k = { ...on({ mib: 400 }), memory: {}, ...needs, keepLoaded: true }
    const v = { ...on({ mib: 300 }), memory: 'auto' }
    const { gateway } = await stage(t, { backends: { k, v }, scheduling: { maxWait: '5s' } })
    gateway.app.pool.preload()
    t.equal((await ask(gateway, 'k')).status, 200)
    await until('what it needs is learned', async () => {
      await gateway.app.memory.meter.fresh()
      const [bytes = 0] = Object.values(
        gateway.app.memory.scheduler.reserved().get('k')?.amounts ?? {},
      )
      return bytes < 500 * MIB
    })
    const { status, text } = await ask(gateway, 'v')
    t.equal(status, 200, text)
    t.equal(stateOf(gateway, 'k'), 'ready')
  }
})

t.test('a card whose driver fails is no larger than it was', async (t) => {
  const backends = { a: on({ mib: 600 }), b: on({ mib: 600 }) }
  const { gateway, pretend } = await stage(t, { backends })
  t.equal((await ask(gateway, 'a')).status, 200)
  pretend.fail(true)
  t.equal((await ask(gateway, 'b')).status, 200)
  const evictions = 'gatehouse_backend_evictions_total{backend="a",reason='
  t.equal(await metric(gateway, `${evictions}"room"}`), 1, 'not after it ran out of memory')
  t.equal(await metric(gateway, `${evictions}"out-of-memory"}`), undefined)
})

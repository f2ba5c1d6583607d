import t from 'tap'
import { ask, CARD, on, stage, stateOf } from '../helpers/on-cards.js'

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

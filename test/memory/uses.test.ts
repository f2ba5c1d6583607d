import t from 'tap'
import { Uses } from '../../src/memory/uses.js'

t.test('uses add up, and count half after five minutes', async (t) => {
  const uses = new Uses()
  t.equal(uses.at(1e6), 0)
  uses.add(1e6)
  uses.add(1e6)
  t.equal(uses.at(1e6), 2)
  t.equal(uses.at(1e6 + 300_000), 1)
  uses.add(1e6 + 600_000)
  t.equal(uses.at(1e6 + 600_000), 1.5)
})

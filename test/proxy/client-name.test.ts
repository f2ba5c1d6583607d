import t from 'tap'
import { clientName } from '../../src/proxy/client-name.js'

t.test(
  'a key names a client, else its address does, and neither can pass for the other',
  async (t) => {
    const named = [
      clientName({ 'x-api-key': '10.0.0.1' }, '10.0.0.9'),
      clientName({ authorization: 'Bearer 10.0.0.1' }, '10.0.0.9'),
      clientName({ 'x-api-key': 'Bearer 10.0.0.1' }, '10.0.0.9'),
      clientName({}, '10.0.0.1'),
      clientName({}, '10.0.0.9'),
    ]
    t.equal(new Set(named).size, named.length)
  },
)

t.test('an empty key is none', async (t) => {
  const address = clientName({}, '10.0.0.1')
  for (const authorization of ['', 'Bearer ', 'Basic ', 'Basic Og==', 'bearer']) {
    t.equal(clientName({ authorization, 'x-api-key': '' }, '10.0.0.1'), address, authorization)
  }
})

import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { watchBody } from '../../src/proxy/silence.js'
import { get, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const LIMIT_MS = 80

/** A request whose body begins with these bytes and does not end. */
async function beginBody(t: Test, bytes: string) {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = await rawClient((server.address() as AddressInfo).port)
  t.teardown(() => {
    client.socket.destroy()
    server.close()
  })
  client.socket.write(get('/', ['Content-Length: 10000000'], 'POST') + bytes)
  const [raw] = (await once(server, 'request')) as [IncomingMessage]
  raw.on('error', () => {}) // the client leaves when the test ends
  return { raw, client }
}

t.test(
  'a body of which nothing comes is called stalled once, after the time allowed',
  async (t) => {
    const { raw } = await beginBody(t, 'x')
    raw.resume()
    let stalls = 0
    const start = performance.now()
    const stop = watchBody(raw, LIMIT_MS, () => {
      stalls += 1
    })
    await until('it stalls', () => stalls > 0)
    t.ok(performance.now() - start >= LIMIT_MS)
    await sleep(2 * LIMIT_MS)
    t.equal(stalls, 1)
    stop()
  },
)

t.test('the time in which we read no further ourselves does not count', async (t) => {
  const { raw } = await beginBody(t, 'x')
  let stalls = 0
  raw.on('data', () => {})
  raw.pause()
  const stop = watchBody(raw, LIMIT_MS, () => {
    stalls += 1
  })
  await sleep(4 * LIMIT_MS)
  t.equal(stalls, 0, 'while it is paused')
  raw.resume()
  await until('it stalls', () => stalls > 0)
  stop()
})

t.test('bytes that wait to be read are no silence of the client', async (t) => {
  const { raw } = await beginBody(t, 'x')
  let stalls = 0
  const stop = watchBody(raw, LIMIT_MS, () => {
    stalls += 1
  })
  await once(raw, 'readable')
  await sleep(4 * LIMIT_MS)
  t.equal(stalls, 0)
  stop()
})

t.test('a watch that was ended, or has no limit, tells nothing', async (t) => {
  const { raw } = await beginBody(t, 'x')
  raw.resume()
  const tell = () => t.fail('it told of a stall')
  watchBody(raw, LIMIT_MS, tell)()
  watchBody(raw, 0, tell)()
  await sleep(3 * LIMIT_MS)
})

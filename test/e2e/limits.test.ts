import { performance } from 'node:perf_hooks'
import t from 'tap'
import { exchange, get, rawClient, repliesTo, valuesOf } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { saying, startProxied } from '../helpers/upstream.js'

t.test('one connection too many is closed, and the others are served', async (t) => {
  const upstream = await startProxied(t, saying({}), { listen: { maxConnections: 2 } })
  const clients = [await rawClient(upstream.port), await rawClient(upstream.port)]
  const third = await rawClient(upstream.port)
  await third.over
  t.equal(third.text(), '')
  for (const client of clients) {
    client.socket.write(get('/p', ['Connection: close']))
    const [reply] = await repliesTo(client, ['GET'])
    t.equal(reply?.status, 200)
    await client.over
  }
  await until('there is room again', async () => {
    const { reply } = await exchange(upstream.port, get('/p', ['Connection: close']))
    return reply.status === 200
  })
})

t.test('the last request that a connection may have is told so', async (t) => {
  const upstream = await startProxied(t, saying({}), { listen: { maxRequestsPerConnection: 2 } })
  const client = await rawClient(upstream.port)
  client.socket.write(get('/first'))
  await repliesTo(client, ['GET'])
  client.socket.write(get('/second'))
  const replies = await repliesTo(client, ['GET', 'GET'])
  t.same(
    replies.map((reply) => [reply.status, valuesOf(reply, 'connection')]),
    [
      [200, ['keep-alive']],
      [200, ['close']],
    ],
  )
  t.equal(await client.over, 'end')
})

t.test('a client that sends its head byte by byte is cut off in time', async (t) => {
  const upstream = await startProxied(t, saying({}), { listen: { headerTimeout: '300ms' } })
  const client = await rawClient(upstream.port)
  const start = performance.now()
  const bytes = [...get('/p')]
  const drip = setInterval(() => client.socket.write(bytes.shift() ?? 'x'), 50)
  t.teardown(() => clearInterval(drip))
  t.equal(await client.over, 'end')
  clearInterval(drip)
  const tookMs = performance.now() - start
  t.ok(tookMs >= 300 && tookMs < 1800, `${tookMs} ms`)
  t.match(client.text(), /^HTTP\/1\.1 408 .*GATEHOUSE_REQUEST_TIMEOUT/s)
  t.same(upstream.received, [])
})

t.test('while the gateway lags behind, only its own endpoints answer', async (t) => {
  const listen = { maxEventLoopDelay: '50ms' }
  const upstream = await startProxied(t, saying({}), { listen })
  const ask = async (path: string) => {
    const client = await rawClient(upstream.port)
    await standStill()
    client.socket.write(get(path))
    blockFor(120)
    const [reply] = await repliesTo(client, ['GET'])
    client.socket.destroy()
    return reply
  }
  const refused = await ask('/v1/p')
  t.equal(refused?.status, 503)
  t.match(JSON.parse(refused?.body ?? ''), { error: { code: 'GATEHOUSE_OVERLOADED' } })
  t.same(refused && valuesOf(refused, 'retry-after'), ['1'])
  for (const path of ['/metrics', '/healthz', '/readyz']) {
    t.equal((await ask(path))?.status, 200, path)
  }
  t.equal((await ask('/gatehouse/backends/nobody/'))?.status, 404)
  t.same(upstream.received, [])
  await until('it keeps up again', async () => {
    const { reply } = await exchange(upstream.port, get('/p', ['Connection: close']))
    return reply.status === 200
  })
})

t.test('a gateway may lag as it likes where that is allowed', async (t) => {
  const upstream = await startProxied(t, saying({}), { listen: { maxEventLoopDelay: 0 } })
  t.notOk(upstream.gateway.app.server.hasDecorator('isUnderPressure'))
})

/** Several turns of the event loop that are too long, so that the mean is. */
async function standStill(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) {
    blockFor(120)
    await new Promise(setImmediate)
  }
}

function blockFor(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

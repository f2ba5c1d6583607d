import t from 'tap'
import { external, sample, startGateway } from '../helpers/gateway.js'
import { exchange, get, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { startUpstream } from '../helpers/upstream.js'

t.test('the raw door leads to the pages of one backend, and starts it', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text'), image: sample('image') },
  })
  const door = `${gateway.url}/gatehouse/backends/image`
  const version = await (await fetch(`${door}/api/extra/version`)).json()
  t.match(version, { llm: false, txt2img: true }, 'its own answer, not the merged one')
  const reply = await fetch(`${door}/api/extra/abort`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: '{}',
  })
  t.equal(reply.status, 200, 'bodies pass, whatever their type')
  t.same(
    gateway.starts.map(({ backend }) => backend),
    ['image'],
  )
})

t.test('a backend that is not there is a 404', async (t) => {
  const gateway = await startGateway(t, { backends: { llm: sample('text') } })
  const reply = await fetch(`${gateway.url}/gatehouse/backends/nobody/x`)
  t.equal(reply.status, 404)
  t.match(await reply.json(), { detail: { code: 'GATEHOUSE_NO_ROUTE' } })
})

t.test(
  'redirects stay behind the door, lines of the hop are dropped, nothing is retried',
  async (t) => {
    const upstream = await startUpstream(t, ({ socket, path }) => {
      if (path === '/go?a=1') {
        return void socket.end(
          'HTTP/1.0 302 Found\r\nlocation: /there\r\nkeep-alive: timeout=9\r\nconnection: close\r\n\r\n',
        )
      }
      socket.end('HTTP/1.0 503 Busy\r\nretry-after: 1\r\ncontent-length: 4\r\n\r\nbusy')
    })
    const gateway = await startGateway(t, { backends: { web: external(upstream.url) } })
    const door = `${gateway.url}/gatehouse/backends/web`
    const moved = await fetch(`${door}/go?a=1`, { redirect: 'manual' })
    t.equal(moved.headers.get('location'), '/gatehouse/backends/web/there')
    t.notMatch(moved.headers.get('keep-alive') ?? '', 'timeout=9')
    t.equal((await fetch(`${door}/busy`)).status, 503)
    t.equal(upstream.received.length, 2, 'asked once each')
  },
)

t.test('a backend that hangs up is a 502 without an address', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.destroy()
  })
  const gateway = await startGateway(t, { backends: { web: external(upstream.url) } })
  const reply = await fetch(`${gateway.url}/gatehouse/backends/web/x`)
  t.equal(reply.status, 502)
  t.notMatch(await reply.text(), /127\.0\.0\.1|ECONN|socket/i)
})

t.test('own paths reach no backend in any spelling', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.end('HTTP/1.0 200 OK\r\ncontent-length: 6\r\n\r\nleaked')
  })
  const gateway = await startGateway(t, {
    backends: { web: external(upstream.url) },
    routes: [{ path: '/*', to: 'backend:web' }],
  })
  for (const path of [
    '/metrics/',
    '//metrics',
    '/metric%73',
    '/gatehouse/x',
    '/%67atehouse/backends',
  ]) {
    t.notMatch(await (await fetch(gateway.url + path)).text(), 'leaked', path)
  }
  t.equal((await fetch(`${gateway.url}/metrics`, { method: 'POST' })).status, 404)
  t.equal(upstream.received.length, 0)
})

t.test('a request through the door is logged and counted as any other', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.end('HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello')
  })
  const gateway = await startGateway(t, {
    backends: { web: external(upstream.url), odd: external(upstream.url, { serves: [] }) },
  })
  for (const path of ['web/x?secret=1', 'odd/x', 'nobody/x', 'web/%2e%2e/x']) {
    await exchange(gateway.port, get(`/gatehouse/backends/${path}`, ['Connection: close']))
  }
  const lines = () => gateway.logged.filter(({ outcome }) => outcome !== undefined)
  await until('all are logged', () => lines().length === 4)
  const route = 'raw-door'
  t.match(lines(), [
    { backend: 'web', workload: 'text', route, outcome: 'ok', status: 200, responseBytes: 5 },
    { backend: 'odd', workload: 'other', route, outcome: 'ok', path: '/gatehouse/backends/odd/x' },
    { backend: '', outcome: 'refused', status: 404 },
    { backend: '', outcome: 'refused', status: 400 },
  ])
  t.type(lines()[0]?.firstByteMs, 'number')
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
  t.match(metrics, 'gatehouse_requests_total{backend="web",workload="text",outcome="ok"} 1')
  t.match(metrics, 'gatehouse_response_bytes_total{backend="web",workload="text"} 5')
  t.match(metrics, 'gatehouse_requests_in_flight{backend="web"} 0')
})

t.test('a client who leaves while the backend starts leaves no lease behind', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text', ['--load-time', '300']) },
  })
  const client = await rawClient(gateway.port)
  client.socket.write(get('/gatehouse/backends/llm/api/extra/version'))
  await until('it starts', () => gateway.moves.some(({ to }) => to === 'starting'))
  client.socket.destroy()
  const outcomes = () => gateway.logged.flatMap(({ outcome }) => outcome ?? [])
  await until('it is logged', () => outcomes().length === 1)
  t.same(outcomes(), ['client_gone'])
  await until('it runs', () => gateway.app.pool.statuses()[0]?.state === 'ready')
  t.equal(gateway.app.pool.statuses()[0]?.inFlight, 0)
})

t.test('pipelined requests whose client leaves give all their leases back', async (t) => {
  const upstream = await startUpstream(t, () => {})
  const gateway = await startGateway(t, { backends: { web: external(upstream.url) } })
  const client = await rawClient(gateway.port)
  client.socket.write(get('/gatehouse/backends/web/x').repeat(3))
  await until('all three run', () => upstream.received.length === 3)
  client.socket.destroy()
  await until('no lease is left', () => gateway.app.pool.statuses()[0]?.inFlight === 0)
  const gone = () => gateway.logged.filter(({ outcome }) => outcome === 'client_gone')
  await until('all three are logged', () => gone().length === 3)
})

t.test('a backend that cannot start is a 502 that says why, and leaves no lease', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text', ['--fail-load', 'boom']) },
  })
  const reply = await fetch(`${gateway.url}/gatehouse/backends/llm/`)
  t.equal(reply.status, 502)
  t.match(await reply.json(), { detail: { code: 'GATEHOUSE_START_FAILED' } })
  await until('it is logged', () =>
    gateway.logged.some(({ outcome }) => outcome === 'start_failed'),
  )
  t.equal(gateway.app.pool.statuses()[0]?.inFlight, 0)
})

t.test('the plugin writes no lines of its own into the log', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.destroy()
  })
  const gateway = await startGateway(t, { backends: { web: external(upstream.url) } })
  await (await fetch(`${gateway.url}/gatehouse/backends/web/x`)).text()
  await until('it is logged', () => gateway.logged.some(({ outcome }) => outcome !== undefined))
  const said = gateway.logged.map(({ msg }) => String(msg)).join('\n')
  t.notMatch(said, /fetching|response (?:errored|received)/)
})

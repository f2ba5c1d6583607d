import t from 'tap'
import { external, sample, startGateway } from '../helpers/gateway.js'
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

import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import t from 'tap'
import { external, startGateway } from '../helpers/gateway.js'
import { post, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startUpstream } from '../helpers/upstream.js'

function ok({ socket }: Received): void {
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
}

t.test('lines of the hop are dropped, lines of the message pass, and ours are added', async (t) => {
  const upstream = await startUpstream(t, ok)
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const client = await rawClient(gateway.port)
  const lines = [
    'Connection: keep-alive',
    'Connection: X-Secret-Hop, x-forwarded-for, close',
    'X-Secret-Hop: 1',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'TE: trailers',
    'Upgrade: h2c',
    'Expect: 100-continue',
    'X-Forwarded-For: 6.6.6.6',
    'X-Twice: a',
    'X-Twice: b',
    'Authorization: Bearer k',
    'Via: 1.0 before',
  ]
  client.socket.write(post('/v1/completions?a=%2F&b', '{}', lines))
  await client.over
  const { head = '', path } = upstream.received[0] ?? {}
  t.equal(path, '/v1/completions?a=%2F&b', 'the target is forwarded as it came')
  for (const gone of [
    'x-secret-hop',
    'keep-alive:',
    'proxy-',
    'te:',
    'upgrade',
    'expect',
    '6.6.6.6',
  ]) {
    t.notMatch(head.toLowerCase(), `\r\n${gone}`, gone)
  }
  t.match(head, /X-Twice: a\r\nX-Twice: b/, 'repeated lines stay apart and in order')
  t.match(head, 'Authorization: Bearer k')
  t.match(head, /x-forwarded-for: 127\.0\.0\.1\r\n/i)
  t.match(head, /x-forwarded-host: door\r\n/i)
  t.match(head, /via: 1\.0 before, 1\.1 gatehouse/i)
  t.equal(head.match(/\r\nhost:/gi)?.length, 1)
  t.equal(head.match(/\r\ncontent-length:/gi)?.length, 1)
})

t.test('a trusted peer may say for whom it asks', async (t) => {
  const upstream = await startUpstream(t, ok)
  const gateway = await startGateway(t, {
    listen: { trustProxy: ['127.0.0.1'] },
    backends: { text: external(upstream.url) },
  })
  await fetch(`${gateway.url}/v1/completions`, {
    method: 'POST',
    body: '{}',
    headers: { 'x-forwarded-for': '10.1.1.1', 'x-forwarded-proto': 'https' },
  })
  t.equal(upstream.received[0]?.headers['x-forwarded-for'], '10.1.1.1, 127.0.0.1')
  t.equal(upstream.received[0]?.headers['x-forwarded-proto'], 'https')
})

t.test(
  'a reply keeps its status, reason, order and repeats, and loses the lines of its hop',
  async (t) => {
    const upstream = await startUpstream(t, ({ socket }) => {
      socket.end(
        'HTTP/1.0 418 Short And Stout\r\nSet-Cookie: a=1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\n' +
          'Set-Cookie: b=2\r\ncache-control: no-cache\r\ncache-control: no-store\r\nX-Latin: \xe9\r\n\r\nteapot',
        'latin1',
      )
    })
    const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
    const client = await rawClient(gateway.port)
    client.socket.write(post('/v1/completions', '{}', ['Connection: close']))
    await client.over
    const [head = '', body = ''] = client.text().split('\r\n\r\n')
    t.match(head, /^HTTP\/1\.1 418 Short And Stout\r\n/)
    t.match(head, /Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n/)
    t.match(head, /cache-control: no-cache\r\ncache-control: no-store/)
    t.match(head, 'X-Latin: \xe9')
    t.notMatch(head, /x-hop|timeout=9/i)
    t.match(body, 'teapot')
  },
)

t.test('a KoboldCpp gets one connection for each request, and none ahead', async (t) => {
  const probe = JSON.stringify({ result: 'KoboldCpp', llm: true })
  const upstream = await startUpstream(t, ({ socket, path }) => {
    const body = path.endsWith('version') ? probe : 'ok'
    socket.end(`HTTP/1.0 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  })
  const gateway = await startGateway(t, {
    backends: { text: { serves: ['text'], url: upstream.url } },
  })
  for (let turn = 0; turn < 3; turn += 1) {
    await (await fetch(`${gateway.url}/v1/completions`, { method: 'POST', body: '{}' })).text()
  }
  const work = upstream.received.filter(({ path }) => path === '/v1/completions')
  t.equal(work.length, 3)
  for (const { headers } of work) t.equal(headers.connection, 'close')
  t.equal(upstream.connections, upstream.received.length, 'none was opened without a request')
})

t.test('another dialect gets its connection again', async (t) => {
  const upstream = await startUpstream(t, ok)
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  for (let turn = 0; turn < 5; turn += 1) {
    await (await fetch(`${gateway.url}/v1/completions`, { method: 'POST', body: '{}' })).text()
  }
  t.equal(upstream.received.length, 5)
  t.equal(upstream.connections, 2, 'one for the probe, one for all five')
})

t.test('a client keeps its connection although the backend closes its own', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.end('HTTP/1.0 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok')
  })
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const client = await rawClient(gateway.port)
  client.socket.write(post('/v1/completions', '{}'))
  await client.sees('ok')
  client.socket.write(post('/v1/completions', '{}', ['Connection: close']))
  t.equal(await client.over, 'end')
  t.equal(client.text().match(/200 OK/g)?.length, 2)
})

t.test(
  'OPTIONS and HEAD are answered by the gateway as KoboldCpp does, and start nothing',
  async (t) => {
    const gateway = await startGateway(t, { backends: { text: external('http://127.0.0.1:9') } })
    for (const method of ['OPTIONS', 'HEAD']) {
      const request = httpRequest(`${gateway.url}/api/v1/generate`, { method })
      request.end()
      const [reply] = await once(request, 'response')
      t.equal(reply.statusCode, 200)
      t.equal(reply.headers['access-control-allow-origin'], '*')
      reply.resume()
    }
    t.same(gateway.moves, [])
  },
)

t.test('a 304 that names the length of the other answer leaves the connection whole', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.write('HTTP/1.1 304 Not Modified\r\netag: "a"\r\ncontent-length: 100\r\n\r\n')
  })
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const client = await rawClient(gateway.port)
  for (let turn = 1; turn <= 2; turn += 1) {
    client.socket.write(post('/v1/completions', '{}'))
    await client.sees('304 Not Modified')
    await until('it is answered', () => client.text().match(/304 Not/g)?.length === turn)
  }
  t.match(client.text(), /etag: "a"/)
  t.ok(gateway.logged.every(({ outcome }) => outcome !== 'upstream_broken'))
  client.socket.destroy()
})

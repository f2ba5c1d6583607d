import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import t from 'tap'
import { external, sample, startGateway } from '../helpers/gateway.js'
import { post, rawClient } from '../helpers/raw-client.js'
import { startUpstream } from '../helpers/upstream.js'

t.test(
  'an unknown path gets 404 at once, in the dialect of its family, and starts nothing',
  async (t) => {
    const gateway = await startGateway(t, {
      backends: { text: sample('text'), image: sample('image') },
    })
    const calls: [string, string, object][] = [
      ['GET', '/nowhere', { detail: { type: 'not_found', code: 'GATEHOUSE_NO_ROUTE' } }],
      ['POST', '/api/nowhere', { detail: { msg: String, type: 'not_found' } }],
      [
        'GET',
        '/v1/nowhere',
        { error: { type: 'invalid_request_error', code: 'GATEHOUSE_NO_ROUTE' } },
      ],
      ['POST', '/v1/nowhere', { error: { message: String } }],
      ['GET', '/gatehouse/nowhere', { detail: { type: 'not_found' } }],
      ['POST', '/api/admin/reload_config', { detail: { type: 'not_found' } }],
      ['DELETE', '/nowhere', { detail: { type: 'not_found' } }],
    ]
    for (const [method, path, shape] of calls) {
      const reply = await fetch(gateway.url + path, { method })
      t.equal(reply.status, 404, `${method} ${path}`)
      t.match(await reply.json(), shape)
      t.equal(reply.headers.get('access-control-allow-origin'), '*', 'a page may read the reason')
    }
    t.same(gateway.moves, [])
  },
)

t.test('a workload that nobody serves gets a 404 that names it', async (t) => {
  const gateway = await startGateway(t, { backends: { text: sample('text') } })
  const reply = await fetch(`${gateway.url}/v1/images/generations`, { method: 'POST', body: '{}' })
  t.equal(reply.status, 404)
  t.match(await reply.json(), { error: { message: /No backend here serves image/ } })
})

t.test('a browser gets a page', async (t) => {
  const gateway = await startGateway(t, { backends: { text: sample('text') } })
  const reply = await fetch(`${gateway.url}/<b>`, { headers: { accept: 'text/html,*/*' } })
  t.equal(reply.status, 404)
  t.match(reply.headers.get('content-type'), 'text/html')
  t.match(await reply.text(), /<h1>404<\/h1>/)
})

t.test(
  'a backend that cannot start gives 502 with the reason, then 503 while it backs off',
  async (t) => {
    const gateway = await startGateway(t, {
      backends: {
        text: sample('text', ['--fail-load', 'Cannot find text model file: /srv/secret/m.gguf']),
      },
    })
    const ask = (path: string) => fetch(gateway.url + path, { method: 'POST', body: '{}' })
    const first = await ask('/v1/chat/completions')
    t.equal(first.status, 502)
    const { error } = (await first.json()) as { error: { message: string; code: string } }
    t.equal(error.code, 'GATEHOUSE_START_FAILED')
    t.match(error.message, /exited with code 3 before it was ready: model file not found/)
    t.match(error.message, /m\.gguf/, 'the file is named')
    t.notMatch(error.message, /srv/, 'where it lies is not')
    const second = await ask('/api/v1/generate')
    t.equal(second.status, 503)
    t.ok(Number(second.headers.get('retry-after')) >= 1)
    t.match(await second.json(), {
      detail: { type: 'service_unavailable', msg: /model file not found/ },
    })
    t.equal(gateway.starts.length, 1, 'the broken model was not started again')
  },
)

t.test('all who wait for a start that fails hear the reason', async (t) => {
  const gateway = await startGateway(t, {
    backends: { text: sample('text', ['--exit-before-ready', '0']) },
  })
  const ask = () => fetch(`${gateway.url}/v1/completions`, { method: 'POST', body: '{}' })
  const replies = await Promise.all([ask(), ask(), ask()])
  const messages = await Promise.all(replies.map((reply) => reply.json()))
  for (const message of messages) {
    t.match(message, { error: { message: /exited with code 0 before it was ready/ } })
  }
  t.equal(gateway.starts.length, 1)
})

t.test('a port that another program has is named, and that program is left alone', async (t) => {
  const other = createServer((socket) => socket.destroy())
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const gateway = await startGateway(t, {
    backends: { text: { ...sample('text'), url: `http://127.0.0.1:${port}` } },
  })
  const reply = await fetch(`${gateway.url}/api/v1/generate`, { method: 'POST', body: '{}' })
  t.equal(reply.status, 502)
  t.match(await reply.json(), { detail: { msg: new RegExp(`port ${port} is already in use`) } })
  t.ok(other.listening)
})

t.test(
  'an external backend that is down gives 502 without an address, and works once it is up',
  async (t) => {
    const upstream = await startUpstream(t, ({ socket }) => {
      socket.end('HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok')
    })
    const { port } = upstream.server.address() as AddressInfo
    upstream.server.close()
    await once(upstream.server, 'close')
    const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
    const ask = () => fetch(`${gateway.url}/v1/completions`, { method: 'POST', body: '{}' })
    for (let tries = 0; tries < 2; tries += 1) {
      const reply = await ask()
      t.equal(reply.status, 502)
      t.notMatch(await reply.text(), /127\.0\.0\.1|ECONN/)
    }
    upstream.server.listen(port, '127.0.0.1')
    await once(upstream.server, 'listening')
    t.equal(await (await ask()).text(), 'ok')
  },
)

t.test('a backend that hangs up without an answer gives 502', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.destroy()
  })
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const reply = await fetch(`${gateway.url}/v1/completions`, { method: 'POST', body: '{}' })
  t.equal(reply.status, 502)
  t.match(await reply.json(), { error: { code: 'GATEHOUSE_UPSTREAM_FAILED' } })
})

t.test('a reply that breaks off midway breaks the connection of the client', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () => socket.destroy())
  })
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const reply = await fetch(`${gateway.url}/v1/completions`, { method: 'POST', body: '{}' })
  await t.rejects(reply.text(), 'the client cannot take it for a whole answer')
})

t.test('one waiter too many gets 503 with Retry-After', async (t) => {
  const upstream = await startUpstream(t, () => {})
  const gateway = await startGateway(t, {
    backends: { text: external(upstream.url, { queueLimit: 0 }) },
  })
  const running = await rawClient(gateway.port)
  running.socket.write(post('/v1/completions', '{}'))
  while (upstream.received.length === 0) await new Promise(setImmediate)
  const reply = await fetch(`${gateway.url}/api/v1/generate`, { method: 'POST', body: '{}' })
  t.equal(reply.status, 503)
  t.ok(reply.headers.get('retry-after'))
  t.match(await reply.json(), { detail: { type: 'service_unavailable' } })
  running.socket.destroy()
})

t.test('a path that hides dots or control characters gets 400', async (t) => {
  const gateway = await startGateway(t, { backends: { text: sample('text') } })
  for (const path of ['/a/../b', '/a/%2e%2e/b', '/a%00b', '/%zz', '/a\\..\\b']) {
    const client = await rawClient(gateway.port)
    client.socket.write(`GET ${path} HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n`)
    await client.over
    t.match(client.text(), /^HTTP\/1\.1 400 /, path)
  }
})

t.test('bytes that are no request get an error and lose their connection', async (t) => {
  const gateway = await startGateway(t, {
    listen: { maxHeaderBytes: '2KiB' },
    backends: { text: sample('text') },
  })
  const requests: [string, RegExp][] = [
    ['garbage\r\n\r\n', /^HTTP\/1\.1 400 .*GATEHOUSE_BAD_REQUEST/s],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(4096)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    [
      'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    [
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    ['GET / HTTP/1.1\r\nHost : a\r\n\r\n', /^HTTP\/1\.1 400 /],
  ]
  for (const [bytes, expected] of requests) {
    const client = await rawClient(gateway.port)
    client.socket.write(bytes)
    t.equal(await client.over, 'end')
    t.match(client.text(), expected)
  }
})

t.test(
  'a slow head is cut off, and a connection that was never used is closed in silence',
  async (t) => {
    const gateway = await startGateway(t, {
      listen: { headerTimeout: '200ms' },
      backends: { text: sample('text') },
    })
    const slow = await rawClient(gateway.port)
    slow.socket.write('GET / HTTP/1.1\r\n')
    const unused = await rawClient(gateway.port)
    await Promise.all([slow.over, unused.over])
    t.match(slow.text(), /^HTTP\/1\.1 408 /)
    t.equal(unused.text(), '')
  },
)

import t from 'tap'
import { external, sample, startGateway } from '../helpers/gateway.js'
import { post, rawClient } from '../helpers/raw-client.js'
import { type Received, startUpstream } from '../helpers/upstream.js'

function echo({ socket, body }: Received): void {
  socket.end(
    `HTTP/1.0 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body.toString('latin1')}`,
    'latin1',
  )
}

t.test('a body is forwarded untouched, whatever its type says', async (t) => {
  const upstream = await startUpstream(t, echo)
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const bodies = ['{"prompt": 1}', '{"prompt": ', 'not json at all', '\u0000\u00ff binary']
  const types = ['text/plain', 'application/json', 'garbage', 'application/json; charset="', '']
  for (const body of bodies) {
    for (const type of types) {
      const client = await rawClient(gateway.port)
      const lines = [...(type === '' ? [] : [`Content-Type: ${type}`]), 'Connection: close']
      client.socket.write(Buffer.from(post('/v1/completions', body, lines), 'latin1'))
      await client.over
      const request = upstream.received.at(-1)
      t.match(client.text(), '200 OK', `${JSON.stringify(body)} as '${type}'`)
      t.equal(request?.headers['content-type'] ?? '', type, 'its type is the one that was sent')
      t.equal(request?.headers['content-length'], String(request?.body.length))
    }
  }
})

t.test('a chunked body reaches the backend with a length', async (t) => {
  const upstream = await startUpstream(t, echo)
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const client = await rawClient(gateway.port)
  const head = 'POST /v1/completions HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n'
  client.socket.write(`${head}Connection: close\r\n\r\n`)
  for (const piece of ['{"prompt":', '"a"}']) {
    client.socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)
  }
  client.socket.write('0\r\n\r\n')
  await client.over
  t.equal(String(upstream.received[0]?.body), '{"prompt":"a"}')
  t.equal(upstream.received[0]?.headers['content-length'], '14')
  t.notOk(upstream.received[0]?.headers['transfer-encoding'])
})

t.test(
  'a body over the limit gets 413 in the dialect of its caller, and starts nothing',
  async (t) => {
    const upstream = await startUpstream(t, echo)
    const gateway = await startGateway(t, {
      listen: { bufferBytes: '1KiB' },
      backends: { text: external(upstream.url) },
    })
    const big = 'x'.repeat(1025)
    const expected: [string, object][] = [
      ['/api/v1/generate', { detail: { type: 'bad_input', code: 'GATEHOUSE_BODY_TOO_LARGE' } }],
      ['/v1/chat/completions', { error: { type: 'invalid_request_error' } }],
      ['/v1/messages', { type: 'error', error: { type: 'request_too_large' } }],
      ['/api/chat', { error: /too big/ }],
      ['/sdapi/v1/interrogate', { detail: /too big/ }],
    ]
    for (const [path, shape] of expected) {
      const known = await fetch(gateway.url + path, { method: 'POST', body: big })
      t.equal(known.status, 413, path)
      t.match(await known.json(), shape)
    }
    const client = await rawClient(gateway.port)
    const head = 'POST /v1/completions HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\n'
    client.socket.write(`${head}401\r\n${big}\r\n0\r\n\r\n`)
    await client.sees('413')
    client.socket.destroy()
    t.equal(upstream.received.length, 0, 'the backend heard nothing of it')
    t.same(gateway.moves, [])
  },
)

t.test('a body of exactly the limit passes', async (t) => {
  const upstream = await startUpstream(t, echo)
  const gateway = await startGateway(t, {
    listen: { bufferBytes: '1KiB' },
    backends: { text: external(upstream.url) },
  })
  const reply = await fetch(`${gateway.url}/v1/completions`, {
    method: 'POST',
    body: 'x'.repeat(1024),
  })
  t.equal(reply.status, 200)
})

t.test('a backend that takes streams gets a body longer than the limit as it comes', async (t) => {
  const upstream = await startUpstream(t, echo)
  const gateway = await startGateway(t, {
    listen: { bufferBytes: '1KiB' },
    backends: { web: { dialect: 'generic', url: upstream.url, concurrency: 0 } },
    routes: [{ path: '/web/*', to: 'backend:web', stripPrefix: true }],
  })
  const body = 'y'.repeat(100_000)
  const reply = await fetch(`${gateway.url}/web/upload?x=1`, { method: 'POST', body })
  t.equal(await reply.text(), body)
  t.equal(upstream.received[0]?.path, '/upload?x=1', 'its prefix is cut, its query kept')
})

t.test('a route may ask for a content type', async (t) => {
  const upstream = await startUpstream(t, echo)
  const gateway = await startGateway(t, {
    backends: { text: sample('text'), web: external(upstream.url) },
    routes: [{ path: '/x', header: { 'content-type': 'application/*' }, to: 'backend:web' }],
  })
  const headers = { 'content-type': 'application/json' }
  const reply = await fetch(`${gateway.url}/x`, { method: 'POST', body: '{}', headers })
  t.equal(await reply.text(), '{}')
})

import { once } from 'node:events'
import t from 'tap'
import { exchange, get, parseReplies, post, rawClient, valuesOf } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startProxied } from '../helpers/upstream.js'

/** Numbers in the titles are those of the findings about the stock plugin (proxy-duties 6). */
const DOOR = '/gatehouse/backends/web'
const CLOSE = ['Connection: close']
const OK = 'HTTP/1.1 200 OK\r\n'
const STREAM = `${OK}content-type: text/event-stream\r\n`

function ok({ socket }: Received): void {
  socket.end(`${OK}content-length: 2\r\n\r\nok`)
}

/** Every byte value, many times over: 3 MiB that are no UTF-8. */
function bytes(): Buffer {
  return Buffer.alloc(3 * 1024 * 1024, Buffer.from(Array.from({ length: 251 }, (_, at) => at)))
}

t.test('2: the head of an answer arrives before its first byte', async (t) => {
  const upstream = await startProxied(t, async ({ socket }) => {
    socket.write(`${STREAM}x-latin: \xe9\r\n\r\n`, 'latin1')
    await client.sees('x-latin: \xe9\r\n')
    await client.sees('x-accel-buffering: no')
    await client.sees('x-request-id: ')
    for (let event = 0; event < 5; event += 1) {
      socket.write(`data: ${event}\n\n`)
      await client.sees(`data: ${event}`)
    }
    socket.end()
  })
  const client = await rawClient(upstream.port)
  client.socket.write(get(`${DOOR}/x`, CLOSE))
  await client.over
  t.match(client.text(), 'data: 4', 'each arrived while the backend waited for it to')
})

t.test('3: streams have no cap: 140 run at once', async (t) => {
  const count = 140
  const upstream = await startProxied(t, ({ socket }) => {
    socket.write(`${STREAM}\r\ndata: 1\n\n`)
  })
  const clients = await Promise.all(Array.from({ length: count }, () => rawClient(upstream.port)))
  for (const client of clients) client.socket.write(get(`${DOOR}/x`))
  await Promise.all(clients.map((client) => client.sees('data: 1')))
  const inFlight = () => upstream.gateway.app.pool.statuses()[0]?.inFlight
  t.equal(inFlight(), count)
  for (const client of clients) client.socket.destroy()
  await until('no lease is left', () => inFlight() === 0)
})

t.test('4: a client that expects a 100 gets it, and the backend hears nothing of it', async (t) => {
  const upstream = await startProxied(t, ok)
  const client = await rawClient(upstream.port)
  const [head = '', body = ''] = post(`${DOOR}/x`, 'body', [
    ...CLOSE,
    'Expect: 100-continue',
  ]).split(/(?<=\r\n\r\n)/)
  client.socket.write(head)
  await client.sees('HTTP/1.1 100 Continue')
  client.socket.write(body)
  await client.over
  t.match(parseReplies(client.text()), [{ status: 100 }, { status: 200, body: 'ok' }])
  t.equal(upstream.received[0]?.headers.expect, undefined)
  t.equal(String(upstream.received[0]?.body), 'body')
})

t.test('5: an offer to upgrade to anything but a WebSocket is served plainly', async (t) => {
  const upstream = await startProxied(t, ok)
  for (const protocol of ['h2c', 'foo/2']) {
    const lines = ['Connection: Upgrade, HTTP2-Settings, close', 'HTTP2-Settings: AAMAAABk']
    const offer = get(`${DOOR}/x`, [...lines, `Upgrade: ${protocol}`])
    t.match((await exchange(upstream.port, offer)).reply, { status: 200, body: 'ok' })
    t.notMatch(upstream.received.at(-1)?.head ?? '', /upgrade|http2-settings/i)
  }
})

t.test('9: lines of a hop, and those that Connection names, stay on it, both ways', async (t) => {
  const upstream = await startProxied(t, ({ socket }) => {
    const hop = ['Connection: close, X-Hop', 'Connection: x-other', 'X-Hop: 1', 'X-Other: 1']
    const lines = [
      ...hop,
      ...['Keep-Alive: timeout=777', 'Proxy-Connection: close', 'Upgrade: h2c', 'Trailer: x'],
      ...['Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-Latin: \xe9', 'X-Stays: 1'],
    ]
    socket.end(`${OK}${lines.join('\r\n')}\r\ncontent-length: 2\r\n\r\nok`, 'latin1')
  })
  const client = await rawClient(upstream.port)
  const lines = ['Connection: X-Hop, x-forwarded-for', 'X-Hop: 1', 'Keep-Alive: 5', 'TE: trailers']
  client.socket.write(get(`${DOOR}/x`, [...lines, 'X-Twice: a', 'X-Twice: b']))
  await client.sees('ok')
  t.notMatch(client.text(), /x-hop|x-other|777|proxy-connection|h2c|trailer|connection: close/i)
  const [reply] = parseReplies(client.text())
  t.same(reply && valuesOf(reply, 'set-cookie'), ['a=1', 'b=2'])
  t.same(reply && valuesOf(reply, 'x-latin'), ['\xe9'])
  t.same(reply && valuesOf(reply, 'x-stays'), ['1'])
  client.socket.write(get(`${DOOR}/x`, CLOSE))
  await client.over
  t.equal(upstream.received.length, 2, "the client's connection outlives the backend's")
  const { head = '', headers = {} } = upstream.received[0] ?? {}
  t.notMatch(head, /x-hop|keep-alive|\r\nte:/i)
  t.match(head, /X-Twice: a\r\nX-Twice: b/)
  t.equal(headers['x-forwarded-for'], '127.0.0.1', 'what the gateway adds cannot be named away')
})

t.test('10: the backend is told who asks, by a list that a client cannot forge', async (t) => {
  const forged = ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil']
  const asked = get(`${DOOR}/x`, [...CLOSE, ...forged, 'Via: 1.0 before'])
  const upstream = await startProxied(t, ok)
  await exchange(upstream.port, asked)
  const { headers } = upstream.received[0] as Received
  t.equal(headers.host, new URL(upstream.url).host)
  t.match(headers, {
    'x-forwarded-for': /^127\.0\.0\.1$/,
    'x-forwarded-host': /^door$/,
    'x-forwarded-proto': /^http$/,
    via: '1.0 before, 1.1 gatehouse',
  })
  const trusting = await startProxied(t, ok, { listen: { trustProxy: ['127.0.0.1'] } })
  await exchange(trusting.port, asked)
  t.match(trusting.received[0]?.headers, {
    'x-forwarded-for': '6.6.6.6, 127.0.0.1',
    'x-forwarded-host': 'evil',
    'x-forwarded-proto': 'https',
  })
})

t.test('11: a body passes byte for byte, with its type, whatever that is', async (t) => {
  const types = ['text/plain; charset=latin1; x="y"', 'application/json', 'no type at all', '']
  for (const bodies of ['stream', 'buffer']) {
    const upstream = await startProxied(t, ok, { backend: { bodies } })
    for (const type of types) {
      const lines = type === '' ? CLOSE : [...CLOSE, `Content-Type: ${type}`]
      const body = bytes().toString('latin1')
      t.equal((await exchange(upstream.port, post(`${DOOR}/x`, body, lines))).reply.status, 200)
      const received = upstream.received.at(-1)
      t.equal(received?.headers['content-type'] ?? '', type)
      t.equal(received?.headers['content-length'], String(body.length))
      t.ok(received?.body.equals(bytes()), `${bodies} ${type}`)
    }
  }
})

t.test('a body in chunks passes, with a length where the backend knows no chunks', async (t) => {
  const lines = ['Host: door', 'Connection: close', 'Transfer-Encoding: chunked']
  const head = `${[`POST ${DOOR}/x HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`
  for (const bodies of ['stream', 'buffer']) {
    const upstream = await startProxied(t, ok, { backend: { bodies } })
    await exchange(upstream.port, `${head}4\r\nsome\r\n4\r\nmore\r\n0\r\n\r\n`)
    t.equal(String(upstream.received[0]?.body), 'somemore')
    if (bodies === 'buffer') t.equal(upstream.received[0]?.headers['content-length'], '8')
  }
})

t.test('a body that is too big to be held is a 413', async (t) => {
  const settings = { listen: { bufferBytes: '1KiB' }, backend: { bodies: 'buffer' } }
  const upstream = await startProxied(t, ok, settings)
  const asked = post(`${DOOR}/x`, 'x'.repeat(1025), CLOSE)
  t.equal((await exchange(upstream.port, asked)).reply.status, 413)
  t.equal(upstream.received.length, 0)
})

t.test('an answer that comes within the upload reaches its client, and ends both', async (t) => {
  const upstream = await startProxied(
    t,
    ({ socket }) => {
      socket.write('HTTP/1.1 413 Too Much\r\ncontent-length: 3\r\n\r\nfat')
    },
    { answersAt: 'head', backend: { bodies: 'stream' } },
  )
  const client = await rawClient(upstream.port)
  client.socket.write(post(`${DOOR}/x`, '').replace('Length: 0', 'Length: 1000000'))
  client.socket.write('some of it')
  await client.sees('fat')
  await client.over
  t.match(client.text(), /connection: close/i)
  await upstream.received[0]?.closed
  const lines = () => upstream.gateway.logged.filter(({ outcome }) => outcome !== undefined)
  await until('it is logged', () => lines().length === 1)
  t.match(lines(), [{ outcome: 'ok', status: 413 }])
})

t.test('a client that does not read stops the backend from being read', async (t) => {
  const piece = Buffer.alloc(1024 * 1024, 'x')
  const pieces = 100
  let written = 0
  const upstream = await startProxied(t, async ({ socket }) => {
    socket.write(`${OK}content-length: ${pieces * piece.length}\r\n\r\n`)
    for (; written < pieces; written += 1) {
      if (!socket.write(piece)) await once(socket, 'drain')
    }
    socket.end()
  })
  const client = await rawClient(upstream.port)
  client.socket.pause()
  client.socket.write(get(`${DOOR}/x`, CLOSE))
  let before = -1
  await until('the backend can write no more', async () => {
    await new Promise((resolve) => setTimeout(resolve, 300))
    const stalled = written > 0 && written === before
    before = written
    return stalled
  })
  t.ok(written < pieces / 2, `only ${written} of ${pieces} MiB were taken`)
  client.socket.resume()
  await client.over
  t.ok(client.text().length > pieces * piece.length, 'and all of it arrived afterwards')
})

t.test('answers without a body keep their lines', async (t) => {
  const upstream = await startProxied(t, ({ socket, method }) => {
    const first = method === 'HEAD' ? 'HTTP/1.1 200 OK' : 'HTTP/1.1 204 No Content'
    const length = method === 'HEAD' ? 'content-length: 1000\r\n' : ''
    socket.end(`${first}\r\nx-stays: 1\r\n${length}\r\n`)
  })
  const head = (await exchange(upstream.port, get(`${DOOR}/x`, CLOSE, 'HEAD'))).reply
  t.equal(head.status, 200)
  t.same(valuesOf(head, 'content-length'), ['1000'])
  const none = (await exchange(upstream.port, get(`${DOOR}/x`, CLOSE))).reply
  t.equal(none.status, 204)
  t.same(valuesOf(none, 'content-length'), [])
  t.same(valuesOf(none, 'transfer-encoding'), [])
  t.same(valuesOf(none, 'x-stays'), ['1'])
})

t.test('20: Proxy-Connection is dropped', async (t) => {
  const upstream = await startProxied(t, ok)
  await exchange(upstream.port, get(`${DOOR}/x`, [...CLOSE, 'Proxy-Connection: keep-alive']))
  t.equal(upstream.received[0]?.headers['proxy-connection'], undefined)
})

t.test('20: every method passes, with a body, but CONNECT and TRACE', async (t) => {
  const upstream = await startProxied(t, ok)
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY']
  for (const method of methods) {
    const asked = post(`${DOOR}/x`, 'body', CLOSE).replace('POST', method)
    t.equal((await exchange(upstream.port, asked)).reply.status, 200, method)
    t.equal(upstream.received.at(-1)?.method, method)
    t.equal(String(upstream.received.at(-1)?.body), 'body')
  }
  const { reply } = await exchange(upstream.port, get(`${DOOR}/x`, CLOSE, 'TRACE'))
  t.equal(reply.status, 404)
  t.equal(upstream.received.length, methods.length)
})

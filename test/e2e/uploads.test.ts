import { once } from 'node:events'
import t from 'tap'
import { exchange, get, parseReplies, post, rawClient, repliesTo } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startProxied } from '../helpers/upstream.js'

const CLOSE = ['Connection: close']
const STREAM = { backend: { bodies: 'stream' }, answersAt: 'head' } as const
const CHUNKED = 'Transfer-Encoding: chunked'

function ok({ socket }: Received): void {
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
}

/** The lines of a request that say how long it is. */
function framing(request: Received | undefined): string[] {
  const lines = request?.head.split('\r\n') ?? []
  return lines.filter((line) => /^(content-length|transfer-encoding):/i.test(line))
}

t.test('a body that is collected is sent with its length, however it came', async (t) => {
  const upstream = await startProxied(t, ok)
  const chunks = '4;ext=1\r\nhalf\r\n5\r\n more\r\n0\r\nX-Trailer: 1\r\n\r\n'
  for (const bytes of [post('/a', 'half more'), get('/b', [CHUNKED], 'POST') + chunks]) {
    const client = await rawClient(upstream.port)
    client.socket.write(bytes)
    t.match(await repliesTo(client, ['POST']), [{ status: 200, body: 'ok' }])
    client.socket.destroy()
    const request = upstream.received.at(-1)
    t.match(framing(request), [/^content-length: 9$/i])
    t.ok(String(request?.raw).endsWith('\r\n\r\nhalf more'), 'and nothing else')
    t.notMatch(String(request?.head), /x-trailer/i)
  }
})

t.test('a request says that it has no body as its client did', async (t) => {
  const upstream = await startProxied(t, ok)
  const empty = get('/b', [CHUNKED, ...CLOSE], 'POST')
  const cases: [string, RegExp[]][] = [
    [get('/a', ['Content-Length: 0', ...CLOSE], 'POST'), [/^content-length: 0$/i]],
    [`${empty}0\r\n\r\n`, [/^content-length: 0$/i]],
    [get('/c', CLOSE), []],
    [get('/d', CLOSE, 'DELETE'), []],
  ]
  for (const [bytes, lines] of cases) {
    t.equal((await exchange(upstream.port, bytes)).reply.status, 200)
    t.match(framing(upstream.received.at(-1)), lines, bytes)
    t.equal(framing(upstream.received.at(-1)).length, lines.length)
    t.equal(upstream.received.at(-1)?.body.length, 0)
  }
})

t.test(
  'GET and DELETE may have bodies too, and what follows them is the next request',
  async (t) => {
    const upstream = await startProxied(t, ok)
    for (const method of ['GET', 'DELETE', 'OPTIONS']) {
      const client = await rawClient(upstream.port)
      const first = post('/a', 'GET /smuggled HTTP/1.1\r\n\r\n').replace('POST', method)
      client.socket.write(first + get('/b', CLOSE))
      await client.over
      t.equal(parseReplies(client.text()).length, 2)
      const [one, two] = upstream.received.slice(-2)
      t.match([one?.method, one?.path, two?.path], [method, '/a', '/b'])
      t.match(String(one?.body), /^GET \/smuggled/)
    }
  },
)

t.test('a body that is too long is refused as soon as that is known', async (t) => {
  const upstream = await startProxied(t, ok, { listen: { bufferBytes: '1KiB' } })
  const big = 'x'.repeat(1025)
  const cases = {
    'its length says so': get('/a', ['Content-Length: 1025'], 'POST'),
    'its length is huge': get('/a', ['Content-Length: 99999999999999'], 'POST'),
    'its chunks are too many': `${get('/a', [CHUNKED], 'POST')}401\r\n${big}`,
  }
  for (const [why, bytes] of Object.entries(cases)) {
    const client = await rawClient(upstream.port)
    client.socket.write(bytes)
    const [reply] = await repliesTo(client, ['POST'])
    t.match(reply, { status: 413, isWhole: true }, why)
    client.socket.destroy()
  }
  t.equal(upstream.received.length, 0)
})

t.test('a client that waits for 100 Continue gets it, and its backend is not asked', async (t) => {
  const upstream = await startProxied(t, ok)
  const client = await rawClient(upstream.port)
  const bytes = post('/a', 'body', ['Expect: 100-continue', ...CLOSE])
  client.socket.write(bytes.slice(0, -4))
  await client.sees('100 Continue\r\n\r\n')
  client.socket.write('body')
  await client.over
  t.match(parseReplies(client.text()), [{ status: 100 }, { status: 200, body: 'ok' }])
  t.notMatch(String(upstream.received[0]?.head), /expect/i)
})

t.test('nobody waits behind a slow upload that is collected', async (t) => {
  const upstream = await startProxied(t, ok, { backend: { concurrency: 1 } })
  const slow = await rawClient(upstream.port)
  slow.socket.write(post('/slow', 'body').slice(0, -1))
  t.equal((await exchange(upstream.port, post('/quick', '{}', CLOSE))).reply.status, 200)
  t.equal(upstream.gateway.app.pool.statuses()[0]?.inFlight, 0)
  slow.socket.write('y')
  t.match(await repliesTo(slow, ['POST']), [{ status: 200 }])
  slow.socket.destroy()
})

t.test('a body that is streamed arrives as it comes, framed as its client did', async (t) => {
  const upstream = await startProxied(t, () => {}, STREAM)
  const cases: [string, string[], RegExp][] = [
    [post('/a', 'half more').slice(0, -5), [' more'], /^content-length: 9$/i],
    [
      `${get('/b', [CHUNKED], 'POST')}4;ext=1\r\nhalf\r\n`,
      ['5\r\n mo', 're\r\n0\r\n\r\n'],
      /^transfer-encoding: chunked$/i,
    ],
  ]
  for (const [begin, rest, line] of cases) {
    const client = await rawClient(upstream.port)
    client.socket.write(begin)
    const request = () => upstream.received.find(({ path }) => begin.includes(path))
    await until('the first half is there', () => String(request()?.body) === 'half')
    for (const piece of rest) client.socket.write(piece)
    await until('all is there', () => request()?.isWhole === true)
    const seen = request() as Received
    t.match(framing(seen), [line])
    t.equal(framing(seen).length, 1)
    t.equal(String(seen.body), 'half more')
    ok(seen)
    t.match(await repliesTo(client, ['POST']), [{ status: 200 }])
    client.socket.destroy()
  }
})

t.test('a backend that does not read stops its client', async (t) => {
  const upstream = await startProxied(t, ({ socket }) => void socket.pause(), STREAM)
  const [piece, pieces] = [Buffer.alloc(1024 * 1024, 'x'), 64]
  const client = await rawClient(upstream.port)
  const head = get('/a', [`Content-Length: ${pieces * piece.length}`, ...CLOSE], 'POST')
  client.socket.write(head)
  let written = 0
  const upload = (async () => {
    for (; written < pieces; written += 1) {
      if (!client.socket.write(piece)) await once(client.socket, 'drain')
    }
  })()
  await until('the backend has the request', () => upstream.received.length === 1)
  let before = -1
  await until('the client can write no more', async () => {
    await new Promise((resolve) => setTimeout(resolve, 150))
    const isStalled = written > 0 && written === before
    before = written
    return isStalled
  })
  t.ok(written < pieces / 2, `only ${written} of ${pieces} MiB were taken`)
  const [request] = upstream.received
  request?.socket.resume()
  await upload
  await until('all of it has arrived', () => request?.isWhole === true)
  if (request) ok(request)
  await client.over
  t.match(client.text(), '200 OK')
})

t.test('an upload that breaks off looks broken to the backend', async (t) => {
  const upstream = await startProxied(t, () => {}, STREAM)
  const cases = {
    length: post('/a', 'half more').slice(0, -5),
    chunked: `${get('/b', [CHUNKED], 'POST')}4\r\nhalf\r\n`,
  }
  for (const [name, bytes] of Object.entries(cases)) {
    for (const end of ['end', 'resetAndDestroy'] as const) {
      const client = await rawClient(upstream.port)
      const count = upstream.received.length
      client.socket.write(bytes)
      const request = () => upstream.received[count]
      await until('the half is there', () => String(request()?.body) === 'half')
      client.socket[end]()
      await request()?.closed
      t.equal(request()?.isWhole, false, `${name}, ${end}`)
      t.equal(String(request()?.body), 'half')
    }
  }
})

t.test('an upload that breaks off while it is collected reaches no backend', async (t) => {
  const upstream = await startProxied(t, ok)
  for (const end of ['end', 'resetAndDestroy'] as const) {
    const client = await rawClient(upstream.port)
    client.socket.write(post('/a', 'half more').slice(0, -5), () => client.socket[end]())
  }
  const gone = () => upstream.gateway.logged.filter(({ outcome }) => outcome === 'client_gone')
  await until('both are logged', () => gone().length === 2)
  t.equal(upstream.received.length, 0)
})

t.test('an answer ahead of the end of an upload arrives, and both connections end', async (t) => {
  const answer = 'HTTP/1.1 413 Too Big\r\ncontent-length: 3\r\n\r\nno!'
  const upstream = await startProxied(t, ({ socket }) => void socket.write(answer), STREAM)
  const cases = [post('/a', 'half').slice(0, -2), `${get('/b', [CHUNKED], 'POST')}2\r\nha\r\n`]
  for (const bytes of cases) {
    const client = await rawClient(upstream.port)
    client.socket.write(bytes)
    const [reply] = await repliesTo(client, ['POST'])
    t.match(reply, { status: 413, reason: 'Too Big', body: 'no!', isWhole: true })
    await upstream.received.at(-1)?.closed
    client.socket.write(`lf${get('/late')}`)
    const isOver = () => client.socket.destroyed || client.socket.readableEnded
    await until('the client is cut off', isOver, 3_000).catch(t.error)
    client.socket.destroy()
    t.equal(parseReplies(client.text()).length, 1)
  }
  t.same(
    upstream.received.map(({ path }) => path),
    ['/a', '/b'],
  )
})

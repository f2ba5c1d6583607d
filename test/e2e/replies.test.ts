import { gzipSync } from 'node:zlib'
import t from 'tap'
import {
  exchange,
  get,
  parseReplies,
  type RawReply,
  rawClient,
  repliesTo,
  valuesOf,
} from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { saying, startProxied } from '../helpers/upstream.js'

const CLOSE = ['Connection: close']
const OK = 'HTTP/1.1 200 OK\r\n'
const STREAM = `${OK}content-type: text/event-stream\r\n`

/** Answers by path: `/0`, `/1` and so on. */
function numbered(answers: readonly string[]): Record<string, string> {
  return Object.fromEntries(answers.map((answer, at) => [`/${at}`, answer]))
}

/** The values of the first reply's lines with this name. */
function named(name: string, { reply }: { reply: RawReply }): string[] {
  return valuesOf(reply, name)
}

t.test('status and reason are kept, an odd or empty reason too', async (t) => {
  const ascii = ['418 Short And Stout', '200 ', '200', '299 a\tb  c', '599 X']
  const lines = [...ascii, '299 \xc3\x9c', '299 \xe9']
  const replies = lines.map((line) => `HTTP/1.1 ${line}\r\ncontent-length: 0\r\n\r\n`)
  const { port } = await startProxied(t, saying(numbered(replies)))
  for (const [at, line] of lines.entries()) {
    const { reply } = await exchange(port, get(`/${at}`, CLOSE))
    const whole = `${reply.status} ${reply.reason}`.trimEnd()
    // A reason of other bytes than ASCII may be left out, never changed.
    if (whole !== '299' || at < ascii.length) t.equal(whole, line.trimEnd())
  }
})

t.test('lines keep their order, their spelling, their repeats and bytes above 127', async (t) => {
  const first = 'Set-Cookie: a=1; Path=/|ETag: W/"x"|cache-control: no-cache|X-lAtIn: \xe9\xff'
  const then = 'SET-COOKIE: b=2|cache-control: no-store|x-empty: |X-Utf8: \xc3\xa9|Vary: a, b'
  const lines = `${first}|${then}|date: Thu, 01 Jan 1970 00:00:00 GMT|content-length: 2`.split('|')
  const answer = `${OK}${lines.join('\r\n')}\r\n\r\nok`
  const { port } = await startProxied(t, saying({ '/': '', '/x': answer }))
  const { reply } = await exchange(port, get('/x', CLOSE))
  const own = ['connection', 'keep-alive', 'x-request-id', 'x-gatehouse-backend']
  const seen = reply.lines.filter(([name]) => !own.includes(name.toLowerCase()))
  t.equal(seen.map((line) => line.join(': ')).join('|'), lines.join('|'))
})

t.test('lines of the hop to the backend stay there, and so do those they name', async (t) => {
  const hop =
    'Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=777\r\nProxy-Connection: close\r\n' +
    'Upgrade: h2c\r\nTE: trailers\r\nX-Stays: 1\r\n'
  const { port } = await startProxied(t, saying({ '/x': `${OK}${hop}content-length: 2\r\n\r\nok` }))
  const client = await rawClient(port)
  client.socket.write(get('/x'))
  await repliesTo(client, ['GET'])
  client.socket.write(get('/x', CLOSE))
  const replies = await repliesTo(client, ['GET', 'GET'])
  t.equal(replies.length, 2, 'the connection of the client outlives that of the backend')
  t.notMatch(client.text(), /x-hop|777|proxy-connection|h2c|trailers/i)
  t.match(client.text(), 'X-Stays: 1')
  t.notMatch(replies[0] && valuesOf(replies[0], 'connection').join(), 'close')
})

t.test('a reply that has no body leaves the connection of the client usable', async (t) => {
  const upstream = await startProxied(t, ({ socket, path }) => {
    const [, status, line = ''] = path.split('/')
    socket.write(`HTTP/1.1 ${status} X\r\n${line === '' ? '' : `${line}: 5\r\n`}\r\n`)
  })
  const long = ['HEAD /200/content-length', 'HEAD /404/content-length', 'HEAD /304/content-length']
  const cases = ['GET /204', 'POST /204', 'GET /304', 'GET /304/content-length', ...long]
  await exchange(upstream.port, get('/204', CLOSE))
  for (const [method = '', path = ''] of cases.map((line) => line.split(' '))) {
    const client = await rawClient(upstream.port)
    client.socket.write(get(path, [], method))
    await repliesTo(client, [method])
    client.socket.write(get('/204', CLOSE))
    t.equal(await client.over, 'end', `${method} ${path}`)
    const [first, second, more] = parseReplies(client.text(), [method, 'GET'])
    t.equal(first?.status, Number(path.slice(1, 4)))
    t.same(first && valuesOf(first, 'content-length'), path.length > 4 ? ['5'] : [])
    t.same(first && valuesOf(first, 'transfer-encoding'), [])
    t.equal(second?.status, 204)
    t.notOk(more)
  }
})

t.test('trailers of a chunked reply reach a client of HTTP/1.1', async (t) => {
  const chunks = '2\r\nok\r\n0\r\nX-Sum: abc\r\nConnection: x\r\nSet-Cookie: a\r\n\r\n'
  const head = `${OK}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n`
  const { port } = await startProxied(t, saying({ '/x': head + chunks }))
  const { reply, text } = await exchange(port, get('/x', ['TE: trailers', ...CLOSE]))
  t.equal(reply.body, 'ok')
  t.same(valuesOf(reply, 'trailer'), ['X-Sum'])
  t.same(reply.trailers, [['X-Sum', 'abc']], 'but no line that only a head may have')
  t.notMatch(text.slice(0, text.indexOf('\r\n\r\n')), 'abc', 'they are not merged into the head')
  const old = await exchange(port, get('/x').replace('HTTP/1.1', 'HTTP/1.0'))
  t.equal(old.reply.body, 'ok')
  t.notMatch(old.text, /x-sum/i, 'a client of HTTP/1.0 gets none')
})

t.test('interim replies reach a client of HTTP/1.1, and no older one', async (t) => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nKeep-Alive: timeout=5\r\n\r\n'
  const { port } = await startProxied(t, async ({ socket, headers }) => {
    socket.write(hint)
    const seen = () => client.text().includes('a.css')
    if (headers['x-new']) await until('the client has it', seen, 1_000).catch(t.error)
    socket.end(`${hint}${OK}content-length: 2\r\n\r\nok`)
  })
  const client = await rawClient(port)
  client.socket.write(get('/x', [...CLOSE, 'X-New: 1']))
  await client.over
  const [first, second, last] = parseReplies(client.text())
  t.match([first?.status, second?.status], [103, 103])
  t.same(first?.lines[0], ['Link', '</a.css>'])
  t.notMatch(client.text(), 'timeout=5', 'without the lines of the hop')
  t.match(last, { status: 200, body: 'ok' })
  const old = await exchange(port, get('/x').replace('HTTP/1.1', 'HTTP/1.0'))
  t.match(old.reply, { status: 200, body: 'ok' })
})

t.test('a 100 that nobody asked for does no harm', async (t) => {
  const answer = `HTTP/1.1 100 Continue\r\n\r\n${OK}content-length: 2\r\n\r\nok`
  const { port } = await startProxied(t, saying({ '/x': answer }))
  const { text } = await exchange(port, get('/x', CLOSE))
  t.match(parseReplies(text).at(-1), { status: 200, body: 'ok' })
})

t.test('a packed body passes byte for byte', async (t) => {
  const packed = gzipSync(Buffer.from('some text '.repeat(500))).toString('latin1')
  const head = `${OK}content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`
  const { port } = await startProxied(t, saying({ '/x': head + packed }))
  const answered = await exchange(port, get('/x', [...CLOSE, 'Accept-Encoding: gzip']))
  t.ok(answered.reply.body === packed)
  t.same(named('content-encoding', answered), ['gzip'])
  t.same(named('content-length', answered), [String(packed.length)])
})

t.test('a body keeps its length, or is chunked anew; HTTP/1.0 never gets chunks', async (t) => {
  const chunks = '3;x=y\r\none\r\n3\r\ntwo\r\n0\r\n\r\n'
  const answers = {
    '/length': `${OK}content-length: 6\r\n\r\nonetwo`,
    '/chunked': `${OK}transfer-encoding: chunked\r\n\r\n${chunks}`,
    '/close': 'HTTP/1.0 200 OK\r\n\r\nonetwo',
  }
  const { port } = await startProxied(t, saying(answers))
  for (const path of ['/length', '/chunked', '/close']) {
    const { reply, text } = await exchange(port, get(path, CLOSE))
    t.match(reply, { body: 'onetwo', isWhole: true }, path)
    t.equal(reply.framing, path === '/length' ? 'length' : 'chunked')
    t.notMatch(text, 'x=y', 'extensions of chunks are of one hop only')
    const old = await exchange(port, get(path).replace('HTTP/1.1', 'HTTP/1.0'))
    t.match(old, { over: 'end', reply: { body: 'onetwo' } })
    t.equal(old.reply.framing, path === '/length' ? 'length' : 'close')
  }
})

t.test('pipelined requests are answered in their order, whoever is ready first', async (t) => {
  const upstream = await startProxied(t, async () => {
    if (upstream.received.length < 3) return
    for (const { socket, path } of upstream.received.toReversed()) {
      socket.write(`${OK}content-length: 2\r\n\r\n${path}`)
    }
  })
  const client = await rawClient(upstream.port)
  client.socket.write(get('/a') + get('/b') + get('/c', CLOSE))
  await client.over
  const bodies = parseReplies(client.text()).map(({ body }) => body)
  t.same(bodies, ['/a', '/b', '/c'])
})

t.test('what is no reply becomes a 502 that tells no address', async (t) => {
  const faulty = [
    `${OK}content-length: 2\r\ncontent-length: 3\r\n\r\nok!`,
    `${OK}content-length: 2, 3\r\n\r\nok!`,
    `${OK}content-length: +2\r\n\r\nok`,
    `${OK}content-length: -1\r\n\r\nok`,
    `${OK}x-long: ${'x'.repeat(1_000_000)}\r\ncontent-length: 2\r\n\r\nok`,
    `${OK}x: a\0b\r\ncontent-length: 2\r\n\r\nok`,
    'HTTP/1.1 OK\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n',
    'HTTP/1.1 2000 OK\r\n\r\n',
    'HTTP/3.1 200 OK\r\n\r\n',
    '<html>as HTTP/0.9</html>',
    'SSH-2.0-OpenSSH_9.2\r\n',
    '\0\xff\xfe garbage',
    '',
  ]
  const upstream = await startProxied(t, saying(numbered(faulty)))
  for (const [at, bytes] of faulty.entries()) {
    const answered = await exchange(upstream.port, get(`/${at}`, CLOSE))
    t.equal(answered.reply.status, 502, JSON.stringify(bytes.slice(0, 60)))
    t.match(named('content-type', answered).join(), 'application/json')
    t.match(answered.reply.body, '"code":"GATEHOUSE_UPSTREAM_FAILED"')
    t.notMatch(answered.text, /127\.0\.0\.1|ECONN|HPE_|UND_ERR/)
  }
})

t.test('bytes that nobody asked for never reach another client', async (t) => {
  const whole = (body: string) => `${OK}content-length: ${body.length}\r\n\r\n${body}`
  const upstream = await startProxied(t, ({ socket, path }) => {
    socket.write(whole(path) + (path === '/extra' ? whole('poison') : ''))
  })
  const ask = async (path: string) => (await exchange(upstream.port, get(path, CLOSE))).reply.body
  t.equal(await ask('/extra'), '/extra', 'after a reply')
  t.equal(await ask('/next'), '/next')
  const idle = upstream.received.at(-1)
  idle?.socket.write(whole('poison'))
  await idle?.closed
  t.equal(await ask('/last'), '/last', 'on an idle connection')
})

t.test('a head leaves before its body, and a lone event before the next', async (t) => {
  const length = `${OK}content-length: 9\r\n\r\n`
  for (const head of [length, `${OK}transfer-encoding: chunked\r\n\r\n`, `${STREAM}\r\n`]) {
    const { port } = await startProxied(t, async ({ socket }) => {
      socket.write(head)
      await client.sees('\r\n\r\n')
      socket.write(head.includes('chunked') ? '9\r\ndata: 1\n\n\r\n' : 'data: 1\n\n')
    })
    const client = await rawClient(port)
    client.socket.write(get('/x'))
    await client.sees('data: 1\n\n')
    t.pass(JSON.stringify(head))
    client.socket.resetAndDestroy()
  }
})

t.test('an event stream tells a proxy in front not to buffer, once', async (t) => {
  const body = 'content-length: 9\r\n\r\ndata: 1\n\n'
  const answers = {
    '/bare': STREAM + body,
    '/said': `${STREAM}X-Accel-Buffering: no\r\n${body}`,
    '/plain': `${OK}content-type: text/plain\r\n${body}`,
  }
  const { port } = await startProxied(t, saying(answers))
  const marks = async (path: string) =>
    named('x-accel-buffering', await exchange(port, get(path, CLOSE)))
  t.same(await marks('/bare'), ['no'])
  t.same(await marks('/said'), ['no'])
  t.same(await marks('/plain'), [])
})

t.test('a reply has one date: that of the backend, else ours', async (t) => {
  const date = 'Thu, 01 Jan 1970 00:00:00 GMT'
  const answers = { '/dated': `${OK}Date: ${date}\r\n\r\n`, '/bare': `${OK}\r\n` }
  const { port } = await startProxied(t, saying(answers))
  t.same(named('date', await exchange(port, get('/dated', CLOSE))), [date])
  t.equal(named('date', await exchange(port, get('/bare', CLOSE))).length, 1)
})

t.test('a 503 of a backend is passed on as it is, and asked for once', async (t) => {
  const busy = 'HTTP/1.1 503 Busy\r\nRetry-After: 1\r\ncontent-length: 4\r\n\r\nbusy'
  const { port, received } = await startProxied(t, saying({ '/x': busy }))
  t.match((await exchange(port, get('/x', CLOSE))).reply, { status: 503, body: 'busy' })
  t.equal(received.length, 1)
})

import t from 'tap'
import { get, post, rawClient, repliesTo, valuesOf } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startProxied } from '../helpers/upstream.js'
import { OFFER } from '../helpers/websocket.js'

const H2C = [
  'Connection: Upgrade, HTTP2-Settings',
  'Upgrade: h2c',
  'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
]

/** Says back how the request came. */
function tell({ socket, method, path, headers, body }: Received): void {
  const { upgrade, connection, 'http2-settings': settings } = headers
  const text = JSON.stringify({ method, path, upgrade, connection, settings, body: `${body}` })
  const head = ['HTTP/1.1 200 OK', `content-length: ${text.length}`]
  socket.write(`${head.join('\r\n')}\r\n\r\n${text}`)
}

const BODY = 'some words of a body'
const chunked = (lines: readonly string[]) =>
  `${get('/c', [...lines, 'Transfer-Encoding: chunked'], 'POST')}5\r\nsome \r\nf\r\nwords of a body\r\n0\r\n\r\n`

const OFFERS: Readonly<Record<string, { request: string; method: string; body: string }>> = {
  'h2c on GET': { request: get('/a?b=%20', H2C), method: 'GET', body: '' },
  'h2c on HEAD': { request: get('/a', H2C, 'HEAD'), method: 'HEAD', body: '' },
  'h2c on POST with a length': { request: post('/b', BODY, H2C), method: 'POST', body: BODY },
  'h2c on POST in chunks': { request: chunked(H2C), method: 'POST', body: BODY },
  'an unknown protocol': {
    request: get('/a', ['Connection: upgrade', 'Upgrade: foo/2, bar']),
    method: 'GET',
    body: '',
  },
  'a WebSocket on POST': { request: post('/b', BODY, OFFER), method: 'POST', body: BODY },
  'a WebSocket with a body': {
    request: post('/b', BODY, OFFER).replace('POST', 'GET'),
    method: 'GET',
    body: BODY,
  },
  'a WebSocket without a key': { request: get('/a', OFFER.slice(0, 3)), method: 'GET', body: '' },
}

for (const [name, { request, method, body }] of Object.entries(OFFERS)) {
  t.test(`an offer of ${name} is served as a plain request, and so is the next`, async (t) => {
    const { port, received } = await startProxied(t, tell)
    const client = await rawClient(port)
    client.socket.write(request)
    const [first] = await repliesTo(client, [method])
    client.socket.write(get('/next', ['Connection: close']))
    const [, next] = await repliesTo(client, [method, 'GET'])
    t.match(first, { status: 200, isWhole: true })
    t.same(valuesOf(first ?? { lines: [] }, 'connection'), ['keep-alive'])
    const [came] = received
    t.match(came, { method })
    t.equal(`${came?.body}`, body)
    t.same([came?.headers.upgrade, came?.headers['http2-settings']], [undefined, undefined])
    t.match(JSON.parse(next?.body ?? '{}'), { path: '/next' })
  })

  t.test(`an offer of ${name} may come in single bytes`, async (t) => {
    const { port, received } = await startProxied(t, tell)
    const client = await rawClient(port)
    client.socket.setNoDelay(true)
    for (const byte of request) {
      client.socket.write(byte)
      await new Promise(setImmediate)
    }
    const [first] = await repliesTo(client, [method])
    t.match(first, { status: 200, isWhole: true })
    t.equal(`${received[0]?.body}`, body)
    client.socket.destroy()
  })
}

t.test('an offer by HTTP/1.0 is served as a plain request', async (t) => {
  const { port, received } = await startProxied(t, tell)
  const client = await rawClient(port)
  const lines = ['Connection: Upgrade', ...OFFER.slice(1)]
  client.socket.write(get('/a', lines).replace('HTTP/1.1', 'HTTP/1.0'))
  t.equal(await client.over, 'end')
  t.match(client.text(), /^HTTP\/1\.[01] 200 /)
  t.equal(received[0]?.headers.upgrade, undefined)
})

t.test('an upload behind an offer of h2c is passed on with back-pressure, whole', async (t) => {
  const { port, received } = await startProxied(t, tell)
  const client = await rawClient(port)
  const body = 'x'.repeat(5_000_000)
  client.socket.write(post('/b', body, H2C))
  const [reply] = await repliesTo(client, ['POST'])
  t.equal(reply?.status, 200)
  t.ok(`${received[0]?.body}` === body)
  client.socket.destroy()
})

t.test(
  'a slow answer to an offer of h2c outlives the keep-alive of answers before it',
  async (t) => {
    const held: Received[] = []
    const { port } = await startProxied(
      t,
      (request) => void (request.path === '/slow' ? held.push(request) : tell(request)),
      { listen: { keepAliveTimeout: '200ms', headerTimeout: '400ms' } },
    )
    const client = await rawClient(port)
    client.socket.write(`${get('/first')}${get('/slow', H2C)}`)
    await until('the second was asked', () => held.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 2_200)) // longer than all of these, and Node's clock
    for (const request of held) tell(request)
    const [, second] = await repliesTo(client, ['GET', 'GET'])
    t.match(second, { status: 200, isWhole: true })
    t.equal(await client.over, 'end', 'and then the connection is closed, as any other')
  },
)

t.test('pipelined offers are answered in order', async (t) => {
  const held: Received[] = []
  const { port } = await startProxied(t, (request) => void held.push(request))
  const client = await rawClient(port)
  const paths = ['/1', '/2', '/3', '/4']
  client.socket.write(paths.map((path, at) => get(path, at % 2 ? H2C : [])).join(''))
  for (let answered = 0; answered < paths.length; answered += 1) {
    await until('the next was asked', () => held.length > 0)
    for (const request of held.splice(0)) tell(request)
    if (held.length === 0) await new Promise(setImmediate)
    const done = (await repliesTo(client, Array(answered + 1).fill('GET'))).length
    answered = Math.max(answered, done - 1)
  }
  const replies = await repliesTo(client, ['GET', 'GET', 'GET', 'GET'])
  t.same(
    replies.map(({ body }) => JSON.parse(body).path),
    paths,
  )
  client.socket.destroy()
})

t.test('a hundred offers on one connection leave nothing behind', async (t) => {
  const warnings: Error[] = []
  const warn = (warning: Error) => void warnings.push(warning)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const { port, gateway } = await startProxied(t, tell)
  const sockets: import('node:net').Socket[] = []
  gateway.app.server.server.on('request', ({ socket }) => void sockets.push(socket))
  const client = await rawClient(port)
  const counts: number[] = []
  for (let turn = 1; turn <= 100; turn += 1) {
    client.socket.write(get('/a', H2C))
    await repliesTo(client, Array(turn).fill('GET'))
    const [socket] = sockets
    const names = socket?.eventNames() ?? []
    counts.push(names.reduce((sum, name) => sum + (socket?.listenerCount(name) ?? 0), 0))
  }
  t.equal(counts.at(-1), counts[1], 'as many listeners after the last as after the second')
  t.same(warnings, [])
  const open = await new Promise((resolve) =>
    gateway.app.server.server.getConnections((_error, count) => resolve(count)),
  )
  t.equal(open, 1)
  client.socket.destroy()
  await until(
    'all are logged',
    () => gateway.logged.filter(({ outcome }) => outcome).length === 100,
  )
  t.ok(gateway.logged.filter(({ outcome }) => outcome).every(({ outcome }) => outcome === 'ok'))
})

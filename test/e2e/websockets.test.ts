import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'undici'
import { external, startGateway } from '../helpers/gateway.js'
import { exchange, parseReplies, rawClient, valuesOf } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { accepting, offer, startEchoServer, startTunnelled } from '../helpers/websocket.js'

t.test('a WebSocket client talks with a WebSocket server, to the closing handshake', async (t) => {
  const url = await startEchoServer(t)
  const gateway = await startGateway(t, {
    backends: { web: external(url) },
    routes: [{ path: '/*', to: 'backend:web' }],
  })
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/live?id=1`, ['other', 'echo'])
  socket.binaryType = 'arraybuffer'
  await once(socket, 'open')
  t.equal(socket.protocol, 'echo')
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
    const message = Buffer.alloc(length, 'é')
    socket.send(message)
    const [{ data }] = await once(socket, 'message')
    t.ok(message.equals(Buffer.from(data)), `${length} bytes came back`)
  }
  socket.send('text')
  t.equal((await once(socket, 'message'))[0].data, 'text')
  socket.close(4001, 'enough')
  const [{ code, reason }] = await once(socket, 'close')
  t.same([code, reason], [4001, 'enough'])
  await until('its exchange is logged', () => gateway.logged.some(({ status }) => status === 101))
  const line = gateway.logged.find(({ status }) => status === 101)
  t.match(line, { outcome: 'ok', method: 'GET', path: '/live', backend: 'web', level: 30 })
  t.ok(Number(line?.requestBytes) > 1_131_000 && Number(line?.responseBytes) > 1_131_000)
})

t.test("the backend's 101 reaches the client with all that it says", async (t) => {
  const { port, gateway } = await startTunnelled(t, ({ socket }) => {
    const lines = [
      'sec-websocket-PROTOCOL: chat',
      'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover',
      'Set-Cookie: a=1',
      'Set-Cookie: b=2; Path=/',
      'Keep-Alive: timeout=9',
      'Content-Length: 7',
      'X-Latin: caf\xe9',
    ]
    socket.write(accepting(lines), 'latin1')
  })
  const client = await rawClient(port)
  client.socket.write(offer('/live'))
  await client.sees('\r\n\r\n')
  const [reply] = parseReplies(client.text())
  t.match(reply, { version: 'HTTP/1.1', status: 101, reason: 'Switching Protocols' })
  const values = (name: string) => valuesOf({ lines: reply?.lines ?? [] }, name)
  t.same(values('sec-websocket-accept'), ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
  t.same(values('sec-websocket-protocol'), ['chat'])
  t.same(values('sec-websocket-extensions'), ['permessage-deflate; server_no_context_takeover'])
  t.same(values('set-cookie'), ['a=1', 'b=2; Path=/'])
  t.same(values('x-latin'), ['caf\xe9'], 'bytes beyond ASCII are left as they are')
  t.same([values('upgrade'), values('connection')], [['websocket'], ['Upgrade']], 'once each')
  t.same([values('keep-alive'), values('content-length')], [[], []])
  t.equal(values('x-request-id').length, 1)
  client.socket.destroy()
  await until('no line was an error', () => gateway.logged.some(({ status }) => status === 101))
})

t.test('the handshake reaches the backend with every line that is not of the hop', async (t) => {
  const { port, handshakes } = await startTunnelled(t, ({ socket }) => {
    socket.write(accepting())
  })
  const client = await rawClient(port)
  const theirs = [
    'Authorization: Bearer k',
    'Cookie: a=1; b=2',
    'Origin: http://page.test',
    'Sec-WebSocket-Protocol: chat, echo',
    'Sec-WebSocket-Protocol: third',
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
    'Sec-Fetch-Mode: websocket',
    'X-Forwarded-For: 6.6.6.6',
    'Keep-Alive: 5',
  ]
  client.socket.write(offer('/live/a%2Fb?x=1&y=%20', theirs))
  await client.sees(' 101 ')
  const [handshake] = handshakes
  const values = (name: string) =>
    handshake?.lines.filter(([each]) => each === name).map(([, value]) => value)
  t.equal(handshake?.path, '/live/a%2Fb?x=1&y=%20')
  t.same(values('authorization'), ['Bearer k'])
  t.same(values('cookie'), ['a=1; b=2'])
  t.same(values('origin'), ['http://page.test'])
  t.same(values('sec-websocket-key'), ['dGhlIHNhbXBsZSBub25jZQ=='])
  t.same(values('sec-websocket-version'), ['13'])
  t.same(values('sec-websocket-protocol'), ['chat, echo', 'third'])
  t.same(values('sec-websocket-extensions'), ['permessage-deflate; client_max_window_bits'])
  t.same(values('sec-fetch-mode'), ['websocket'])
  t.same(values('x-forwarded-for'), ['127.0.0.1'], 'a peer that is not trusted is not believed')
  t.same(values('keep-alive'), [])
  t.same(values('upgrade'), ['websocket'])
  t.same(
    values('connection')?.map((value) => value.toLowerCase()),
    ['upgrade'],
  )
  client.socket.destroy()
})

for (const status of [200, 401, 403, 404, 426, 500]) {
  t.test(`a backend's ${status} to an offer is what the client gets`, async (t) => {
    const body = 'x'.repeat(300_000)
    const { port, inFlight, sockets } = await startTunnelled(t, ({ socket }) => {
      const head = [
        `HTTP/1.1 ${status} Because`,
        'www-authenticate: Basic',
        'sec-websocket-version: 13',
        `content-length: ${body.length}`,
      ]
      socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
    })
    const { reply, over } = await exchange(port, offer('/live'))
    t.match(reply, { status, reason: 'Because', isWhole: true })
    t.ok(reply.body === body, 'with its body, however long')
    t.same(valuesOf(reply, 'www-authenticate'), ['Basic'])
    t.same(valuesOf(reply, 'connection'), ['close'])
    t.equal(over, 'end', 'and the connection closes')
    await until('all is given back', () => inFlight() === 0 && sockets.size === 0)
  })
}

t.test('a chunked refusal keeps its chunks, and an interim answer comes before it', async (t) => {
  const { port } = await startTunnelled(t, ({ socket }) => {
    socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n')
    socket.end('HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n')
  })
  const { text } = await exchange(port, offer('/live'))
  const [interim, reply] = parseReplies(text)
  t.equal(interim?.status, 103)
  t.match(reply, { status: 403, body: 'no!', framing: 'chunked', isWhole: true })
})

t.test('a backend that is down is a 502', async (t) => {
  const { port, server, gateway } = await startTunnelled(t, ({ socket }) => {
    socket.write(accepting())
  })
  const first = await rawClient(port)
  first.socket.write(offer('/live'))
  await first.sees(' 101 ')
  first.socket.destroy()
  server.close()
  await until('the tunnel is over', () => gateway.logged.some(({ status }) => status === 101))
  const { reply, over } = await exchange(port, offer('/live'))
  t.match(reply, { status: 502, isWhole: true })
  t.same(valuesOf(reply, 'connection'), ['close'])
  t.equal(over, 'end')
})

t.test('a backend that hangs up without an answer is a 502', async (t) => {
  const { port, inFlight } = await startTunnelled(t, ({ socket }) => {
    socket.destroy()
  })
  t.match((await exchange(port, offer('/live'))).reply, { status: 502, isWhole: true })
  await until('its lease is given back', () => inFlight() === 0)
})

t.test('a backend that does not answer in time is a 504', async (t) => {
  const timeouts = { headers: '300ms' }
  const { port, handshakes } = await startTunnelled(t, () => {}, { backend: { timeouts } })
  t.match((await exchange(port, offer('/live'))).reply, { status: 504, isWhole: true })
  await handshakes[0]?.over
})

t.test('a 101 that nobody asked for is a 502, to an offer and to a plain request', async (t) => {
  const { port, handshakes } = await startTunnelled(t, ({ socket, path }) => {
    const upgrade = path === '/bare' ? '' : `upgrade: foo\r\nconnection: upgrade\r\n`
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${upgrade}\r\nsecret`)
  })
  const plain = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
  for (const request of [offer('/bare'), offer('/foo'), plain('/bare'), plain('/foo')]) {
    const { reply, text } = await exchange(port, request)
    t.match(reply, { status: 502, isWhole: true })
    t.notMatch(text, 'secret')
  }
  await Promise.all(handshakes.map(({ over }) => over))
})

t.test('what is refused before a backend is asked is an answer of HTTP', async (t) => {
  const gateway = await startGateway(t, {
    backends: {},
    routes: [],
  })
  const nobody = await exchange(gateway.port, offer('/v1/realtime'))
  t.match(nobody.reply, { status: 404, isWhole: true })
  t.same(valuesOf(nobody.reply, 'connection'), ['close'])
  t.equal(nobody.over, 'end')
  t.match((await exchange(gateway.port, offer('/a/../b'))).reply, { status: 400, isWhole: true })
  t.match((await exchange(gateway.port, offer('/%2e%2e/b'))).reply, { status: 400, isWhole: true })
  const doubled = await exchange(gateway.port, offer('/x', ['Host: y']))
  t.match(doubled.reply, { status: 400, isWhole: true })
  t.equal(doubled.over, 'end')
})

import t from 'tap'
import { exchange, get, rawClient, repliesTo, valuesOf } from '../helpers/raw-client.js'
import { saying, startProxied } from '../helpers/upstream.js'

const HOSTS = ['door', 'door:5050', '127.0.0.1', '[::1]', '[::1]:80', 'a_b.c', '%41', 'door:', '']
const NO_HOSTS = [
  'a b',
  'a/b',
  'http://a',
  'u@a',
  'a:b',
  'a:1:2',
  '[::1',
  '::1',
  '[x]',
  'a%4',
  '"a"',
]

function head(requestLine: string, lines: readonly string[]): string {
  return `${[requestLine, ...lines].join('\r\n')}\r\n\r\n`
}

t.test('a host that a URL can have is served, and an empty one', async (t) => {
  const upstream = await startProxied(t, saying({}))
  for (const host of HOSTS) {
    const line = head('GET /p HTTP/1.1', [`Host: ${host}`, 'Connection: close'])
    const { reply } = await exchange(upstream.port, line)
    t.equal(reply.status, 200, host)
  }
  t.equal(upstream.received.length, HOSTS.length)
})

t.test('a request of HTTP/1.1 without a host, with two or with a bad one is refused', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const requests = [
    head('GET /p HTTP/1.1', []),
    head('GET /p HTTP/1.1', ['Host: a', 'Host: b']),
    head('GET /p HTTP/1.1', ['Host: a', 'host: a']),
    head('GET /p HTTP/1.0', ['Host: a', 'Host: a']),
    head('GET /metrics HTTP/1.1', ['Host: a', 'Host: b']),
    head('GET /gatehouse/backends/web/ HTTP/1.1', []),
    ...NO_HOSTS.map((host) => head('GET /p HTTP/1.1', [`Host: ${host}`])),
  ]
  for (const request of requests) {
    const { reply, over } = await exchange(upstream.port, request)
    t.equal(reply.status, 400, request)
    t.match(JSON.parse(reply.body), { detail: { code: 'GATEHOUSE_BAD_REQUEST' } })
    t.same(valuesOf(reply, 'connection'), ['close'])
    t.equal(over, 'end')
  }
  t.same(upstream.received, [])
})

t.test('a request of HTTP/1.0 needs no host', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const { reply } = await exchange(upstream.port, head('GET /p HTTP/1.0', []))
  t.equal(reply.status, 200)
})

t.test('a target with a host is one without, and its host is the one that counts', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const targets: [target: string, host: string, path: string][] = [
    ['http://name:81/p?q=http://x/', 'name:81', '/p?q=http://x/'],
    ['HTTPS://[::1]/p//q%2f', '[::1]', '/p//q%2f'],
    ['http://name?q', 'name', '/?q'],
  ]
  for (const [target, host] of targets) {
    const request = head(`POST ${target} HTTP/1.1`, ['hOst: door', 'Connection: close'])
    const { reply } = await exchange(upstream.port, request)
    t.equal(reply.status, 200, target)
    t.match(upstream.received.at(-1)?.headers, { 'x-forwarded-host': host })
  }
  t.same(
    upstream.received.map(({ path }) => path),
    targets.map(([, , path]) => path),
  )
  const old = head('GET http://name/old HTTP/1.0', [])
  t.equal((await exchange(upstream.port, old)).reply.status, 200)
  t.match(upstream.received.at(-1), { path: '/old', headers: { 'x-forwarded-host': 'name' } })
})

t.test("the gateway's own endpoints answer to a target with a host", async (t) => {
  const { port, received } = await startProxied(t, saying({}))
  const request = head('GET http://name/healthz HTTP/1.1', ['Host: a', 'Connection: close'])
  const { reply } = await exchange(port, request)
  t.equal(reply.status, 200)
  t.same(JSON.parse(reply.body), { status: 'ok' })
  t.same(received, [])
})

t.test('a target that is neither a path nor a sound URL is refused', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const targets = ['http://u:p@a/p', 'http://u@a/p', 'http:///p', 'http://:80/p', 'http://a:b/p']
  const others = ['ftp://a/p', 'http://a%/p', 'file:///p', '*', '*a', 'a', 'http:a']
  for (const target of [...targets, ...others]) {
    const { reply, over } = await exchange(upstream.port, get(target))
    t.equal(reply.status, 400, target)
    t.match(reply.body, /GATEHOUSE_BAD_REQUEST/)
    t.equal(over, 'end')
  }
  const hidden = [
    head('GET http://a/p HTTP/1.1', ['Host: a b']),
    head('GET http://a/p HTTP/1.1', []),
    head('GET http://a/p HTTP/1.1', ['Host: a', 'Host: a']),
  ]
  for (const request of hidden) {
    t.equal((await exchange(upstream.port, request)).reply.status, 400, request)
  }
  t.same(upstream.received, [])
})

t.test('OPTIONS for the gateway as a whole is answered like a preflight', async (t) => {
  const upstream = await startProxied(t, saying({}))
  for (const target of ['*', 'http://door']) {
    const request = get(target, ['Connection: close'], 'OPTIONS')
    const { reply } = await exchange(upstream.port, request)
    t.equal(reply.status, 200)
    t.same(valuesOf(reply, 'access-control-allow-origin'), ['*'])
    t.equal(reply.body, '')
  }
  t.same(upstream.received, [])
})

t.test('CONNECT is refused, and its connection closed', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const { reply, over } = await exchange(upstream.port, get('a:443', [], 'CONNECT'))
  t.equal(reply.status, 405)
  t.equal(over, 'end')
  t.match(JSON.parse(reply.body), { detail: { code: 'GATEHOUSE_NO_TUNNEL' } })
  t.match(valuesOf(reply, 'allow'), [/GET, HEAD, POST/])
  const client = await rawClient(upstream.port)
  client.socket.write(get('a:443', [], 'CONNECT'))
  client.socket.resetAndDestroy()
  const after = await exchange(upstream.port, get('/p', ['Connection: close']))
  t.equal(after.reply.status, 200, 'a client that leaves at once brings nothing down')
})

t.test('CONNECT behind a request does not overtake its answer', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const client = await rawClient(upstream.port)
  client.socket.write(get('/p') + get('a:443', [], 'CONNECT'))
  const replies = await repliesTo(client, ['GET', 'CONNECT'])
  t.same(
    replies.map(({ status }) => status),
    [200, 405],
  )
  t.equal(await client.over, 'end')
})

t.test('a URL that is too long gets 414, too many lines or too long ones 431', async (t) => {
  const listen = { maxUrlBytes: '100', maxHeaders: 4, maxHeaderBytes: '4KiB' }
  const upstream = await startProxied(t, saying({}), { listen })
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `x${i}: y`)
  const requests: [bytes: string, status: number, code: string][] = [
    [get(`/${'a'.repeat(99)}`, ['Connection: close']), 200, ''],
    [get(`/${'a'.repeat(100)}`), 414, 'GATEHOUSE_URL_TOO_LONG'],
    [get(`/?${'a'.repeat(99)}`), 414, 'GATEHOUSE_URL_TOO_LONG'],
    [get(`/${'a'.repeat(5000)}`), 414, 'GATEHOUSE_URL_TOO_LONG'],
    [get(`/${'a'.repeat(100_000)}`), 414, 'GATEHOUSE_URL_TOO_LONG'],
    [get('/p', [...lines(2), 'Connection: close']), 200, ''],
    [get('/p', lines(4)), 431, 'GATEHOUSE_HEADER_TOO_LARGE'],
    [get('/p', lines(3000).slice(0, 600)), 431, 'GATEHOUSE_HEADER_TOO_LARGE'],
    [get('/p', [`x: ${'y'.repeat(5000)}`]), 431, 'GATEHOUSE_HEADER_TOO_LARGE'],
    [get('/p', [`${'x'.repeat(5000)}: y`]), 431, 'GATEHOUSE_HEADER_TOO_LARGE'],
  ]
  for (const [bytes, status, code] of requests) {
    const { reply, over } = await exchange(upstream.port, bytes)
    t.equal(reply.status, status, bytes.slice(0, 40))
    t.match(reply.body, code)
    t.same(valuesOf(reply, 'connection'), ['close'])
    t.equal(over, 'end')
  }
  t.equal(upstream.received.length, 2)
})

t.test('the 2001st line is not dropped unseen', async (t) => {
  const listen = { maxHeaders: 0, maxUrlBytes: 0, maxHeaderBytes: '256KiB' }
  const upstream = await startProxied(t, saying({}), { listen })
  const lines = Array.from({ length: 2500 }, (_, i) => `x-${i}: y`)
  const { reply } = await exchange(
    upstream.port,
    get(`/${'a'.repeat(20_000)}`, [...lines, 'Connection: close']),
  )
  t.equal(reply.status, 200)
  t.equal(upstream.received[0]?.headers['x-2499'], 'y')
})

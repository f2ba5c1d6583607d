import t from 'tap'
import { exchange, get, valuesOf } from '../helpers/raw-client.js'
import { type Received, startProxied } from '../helpers/upstream.js'

/** Numbers in the titles are those of the findings about the stock plugin (proxy-duties 6). */
const DOOR = '/gatehouse/backends/web'
const CLOSE = ['Connection: close']

function ok({ socket }: Received): void {
  socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
}

t.test('13: the path behind the door reaches the backend byte for byte', async (t) => {
  const targets = [
    ...['/x', '/a%2Fb', '/a%20b', '/%7Euser', '/a//b', '//x', '//evil.example/x', '/x/', '/x?'],
    ...['/..hidden', '/v1..2', '/...', '/a/...b', '/x?a=%2F&b=/../&c?d', '/@evil.example', '/a;b'],
    ...["/!$&'()*+,=:", '/a|b', '/{x}', '/%E6%97%A5', '/http://x'],
  ]
  const upstream = await startProxied(t, ok, { basePath: '/base' })
  for (const target of targets) {
    const { reply } = await exchange(upstream.port, get(DOOR + target, CLOSE))
    t.equal(reply.status, 200, target)
    t.equal(upstream.received.at(-1)?.path, `/base${target}`)
  }
})

t.test('13: the door itself is the first page, in any spelling', async (t) => {
  const targets: Record<string, string> = {
    [`${DOOR}?a=1`]: '/base/?a=1',
    [`${DOOR}/?a=1`]: '/base/?a=1',
    [`${DOOR.replace('web', 'w%65b')}/x`]: '/base/x',
    [`${DOOR.replace('gate', '%67ate')}/x`]: '/base/x',
    [`http://door${DOOR}/x`]: '/base/x',
    [`http://elsewhere${DOOR}/http://x`]: '/base/http://x',
  }
  const upstream = await startProxied(t, ok, { basePath: '/base' })
  for (const [target, path] of Object.entries(targets)) {
    t.equal((await exchange(upstream.port, get(target, CLOSE))).reply.status, 200, target)
    t.equal(upstream.received.at(-1)?.path, path)
  }
})

t.test('13: a dot segment is a 400 in any encoding', async (t) => {
  const segments = ['..', '.', '%2e%2e', '.%2E', '%2e', '..%2f', '..%5c', '..\\', 'a%2f..', 'a\\..']
  const upstream = await startProxied(t, ok, { basePath: '/base' })
  for (const segment of segments) {
    for (const target of [`/${segment}`, `/a/${segment}/b`]) {
      const { reply } = await exchange(upstream.port, get(DOOR + target, CLOSE))
      t.equal(reply.status, 400, target)
    }
  }
  for (const target of ['/%00', '/a%', '/%zz', '/a%0d%0ab', '/#x']) {
    t.equal((await exchange(upstream.port, get(DOOR + target, CLOSE))).reply.status, 400, target)
  }
  t.same(upstream.received, [])
})

t.test('what is only like the door does not open it, nor anything else', async (t) => {
  const upstream = await startProxied(t, ok)
  const targets = [
    ...[`${DOOR}x/y`, `${DOOR};/x`, `${DOOR}%2Fx`, '/gatehouse/backends', '/gatehouse/backends/'],
    ...['/gatehouse/backends//x', `/${DOOR}/x`, `/lcpp${DOOR}/x`],
  ]
  for (const target of targets) {
    t.equal((await exchange(upstream.port, get(target, CLOSE))).reply.status, 404, target)
  }
  t.same(upstream.received, [])
})

t.test('13: a redirection to a page of the backend stays behind the door', async (t) => {
  const upstream = await startProxied(
    t,
    ({ socket, path }) => {
      const to = decodeURIComponent(path.slice('/base/?'.length))
      socket.end(`HTTP/1.1 302 Found\r\nlocation: ${to}\r\ncontent-length: 0\r\n\r\n`)
    },
    { basePath: '/base' },
  )
  const origin = new URL(upstream.url).origin
  const inner: Record<string, string> = {
    '/base/there?a=%2F': `${DOOR}/there?a=%2F`,
    '/base': DOOR,
    [`${origin}/base/there`]: `${DOOR}/there`,
    '/elsewhere': '/elsewhere',
    '/based': '/based',
    [`${origin}/elsewhere`]: `${origin}/elsewhere`,
    [`${origin}0/base/there`]: `${origin}0/base/there`,
    'https://other.example/base/x': 'https://other.example/base/x',
    '//other.example/base/x': '//other.example/base/x',
    'there/too': 'there/too',
    '?a=1': '?a=1',
  }
  for (const [location, seen] of Object.entries(inner)) {
    const target = `${DOOR}/?${encodeURIComponent(location)}`
    const { reply } = await exchange(upstream.port, get(target, CLOSE))
    t.same(valuesOf(reply, 'location'), [seen], location)
  }
})

import t from 'tap'
import { external } from '../helpers/gateway.js'
import { exchange, get, valuesOf } from '../helpers/raw-client.js'
import { type Received, startProxied, startUpstream } from '../helpers/upstream.js'

const CLOSE = ['Connection: close']

function named(name: string) {
  return ({ socket }: Received): void => {
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${name.length}\r\n\r\n${name}`)
  }
}

const other = named('other')

t.test('a target is forwarded as it came', async (t) => {
  const upstream = await startProxied(t, other)
  const targets = [
    '/a//b',
    '//a',
    '/a/',
    '/a%2Fb',
    '/a%2fb',
    '/a%252Fb',
    '/a%20b',
    '/a;v=1;w/b',
    '/~me',
    '/%7Eme',
    '/%61',
    '/caf%C3%A9',
    "/a!$&'()*+,=:@b",
    '/a|b^`{}"<>',
    '/a?',
    '/a?b=%2F..%2F&b=/../&c=?&d',
    '/a??',
    '/a?b#',
    '/lcpp/a',
    '/..hidden',
    '/v1..2',
    '/...',
    '/.well-known/x',
    '/a/..b/c..',
    `/${'x'.repeat(8_000)}`,
  ]
  for (const target of targets) {
    const { reply } = await exchange(upstream.port, get(target, CLOSE))
    t.equal(reply.status, 200, target.slice(0, 40))
    const [line = ''] = upstream.received.at(-1)?.head.split('\r\n') ?? []
    t.equal(line, `GET ${target} HTTP/1.1`)
  }
})

t.test(
  'a dot segment, a bad escape or a control character is refused in any spelling',
  async (t) => {
    const upstream = await startProxied(t, other)
    const dots = ['..', '.', '%2e%2e', '%2E.', '.%2e', '%2e', '%2E%2E']
    const slashes = ['/', '%2f', '%2F', '%5c', '%5C', '\\']
    const around = dots.flatMap((dot) => slashes.map((slash) => `/a${slash}${dot}${slash}b`))
    const last = dots.map((dot) => `/a/${dot}`)
    const faulty = ['/%', '/%2', '/%zz', '/a%00', '/a%0d%0a', '/a%7f', '/a#b', '/\xe9']
    for (const target of [...around, ...last, ...faulty]) {
      const { reply } = await exchange(upstream.port, get(target, CLOSE))
      t.equal(reply.status, 400, target)
    }
    t.same(upstream.received, [])
  },
)

t.test('a route matches its path in every spelling, and no path that only begins so', async (t) => {
  const mounted = await startUpstream(t, named('mounted'))
  const upstream = await startProxied(t, other, {
    backends: { mounted: external(mounted.url, { serves: [] }) },
    routes: [{ path: '/mnt/*', to: 'backend:mounted' }],
  })
  const ask = async (path: string) => (await exchange(upstream.port, get(path, CLOSE))).reply
  for (const path of [
    '/mnt',
    '/mnt/',
    '/mnt/x',
    '/%6dnt/x',
    '//mnt/x',
    '/mnt//x',
    '/mnt?x',
    '/m%6Et',
  ]) {
    t.equal((await ask(path)).body, 'mounted', path)
  }
  for (const path of [
    '/mntx',
    '/mnt%2fx',
    '/mnt%2F',
    '/mnt%5cx',
    '/MNT/x',
    '/mnt%252fx',
    '/mnt;a/x',
  ]) {
    t.equal((await ask(path)).body, 'other', path)
  }
  for (const path of ['/mnt..%2f', '/mnt..%2fx', '/mnt..']) {
    t.equal((await ask(path)).body, 'other', `${path} is a name like any other`)
  }
})

t.test('the base path of a backend stands in front of every path', async (t) => {
  const upstream = await startProxied(t, other, { basePath: '/base', probe: 'seen' })
  for (const target of ['/a', '/', '/?x', '//a', '/a%2Fb/?q=1', '/base/a', '/lcpp/a']) {
    t.equal((await exchange(upstream.port, get(target, CLOSE))).reply.status, 200)
    t.equal(upstream.received.at(-1)?.path, `/base${target}`)
  }
})

t.test(
  'stripPrefix cuts the fixed part of a route off, and keeps the rest as it came',
  async (t) => {
    const upstream = await startProxied(t, other, {
      basePath: '/base',
      probe: 'seen',
      routes: [{ path: '/comfy/*', to: 'backend:web', stripPrefix: true }],
    })
    const cases = {
      '/comfy': '/',
      '/comfy/': '/',
      '/comfy?x=/comfy': '/?x=/comfy',
      '/comfy/a': '/a',
      '/comfy/a/': '/a/',
      '/comfy/a/?': '/a/?',
      '/comfy/a?b=%2F': '/a?b=%2F',
      '/comfy/a%2Fb;c': '/a%2Fb;c',
      '/comfy/comfy/a': '/comfy/a',
      '/%63omfy/a': '/a',
    }
    for (const [target, path] of Object.entries(cases)) {
      t.equal((await exchange(upstream.port, get(target, CLOSE))).reply.status, 200)
      t.equal(upstream.received.at(-1)?.path, `/base${path}`, target)
    }
  },
)

t.test('a redirection leads where its client can follow', async (t) => {
  const upstream = await startProxied(
    t,
    ({ socket, headers }) => {
      const location = headers['x-go'] === 'own' ? `${upstream.url}/base/x?y` : headers['x-go']
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\ncontent-length: 0\r\n\r\n`)
    },
    {
      basePath: '/base',
      routes: [{ path: '/comfy/*', to: 'backend:web', stripPrefix: true }],
    },
  )
  const cases: [string, string, string][] = [
    ['/comfy/a', '/base/x?y#z', '/comfy/x?y#z'],
    ['/comfy/a', '/base/', '/comfy/'],
    ['/comfy/a', '/base', '/comfy'],
    ['/comfy/a', 'own', '/comfy/x?y'],
    ['/comfy/a', 'x/y', 'x/y'],
    ['/comfy/a', '?x', '?x'],
    ['/comfy/a', 'https://example.org/base/x', 'https://example.org/base/x'],
    ['/comfy/a', '//example.org/base/x', '//example.org/base/x'],
    ['/a', '/base/x', '/x'],
    ['/a', 'https://example.org/base/x', 'https://example.org/base/x'],
  ]
  for (const [target, location, expected] of cases) {
    const { reply } = await exchange(upstream.port, get(target, [...CLOSE, `X-Go: ${location}`]))
    t.same(valuesOf(reply, 'location'), [expected], `${target} goes to ${location}`)
  }
})

t.test('no target makes the gateway dial another host', async (t) => {
  let strangers = 0
  const stranger = await startUpstream(t, ({ socket }) => {
    strangers += 1
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nleaked')
  })
  stranger.server.on('connection', () => {
    strangers += 1
  })
  const host = new URL(stranger.url).host
  const routes = [{ path: '/cut/*', to: 'backend:web', stripPrefix: true }]
  const upstream = await startProxied(t, other, { routes })
  const targets = [
    `//${host}/x`,
    `/\\${host}/x`,
    `/@${host}/x`,
    `@${host}/x`,
    `/x@${host}/`,
    `/cut//${host}/x`,
    `/cut/\\${host}/x`,
    `/cut/@${host}/x`,
    `/cut/http://${host}/x`,
    `http://${host}/x`,
    `http://door@${host}/x`,
    `http:${host}/x`,
    `ftp://${host}/x`,
    host,
    '*',
  ]
  for (const target of targets) {
    const { text, reply } = await exchange(upstream.port, get(target, CLOSE))
    t.ok([200, 400].includes(reply.status), `${target}: ${reply.status}`)
    t.notMatch(text, 'leaked')
  }
  const { text } = await exchange(upstream.port, get(host, CLOSE, 'CONNECT'))
  t.notMatch(text, /^HTTP\/1\.1 2/)
  t.equal(strangers, 0)
})

t.test('a target in absolute form is forwarded in origin form', async (t) => {
  const upstream = await startProxied(t, other, { probe: 'seen' })
  const cases = {
    'http://door/a?b=http://x/': '/a?b=http://x/',
    'http://door': '/',
    'http://door?x': '/?x',
    'HTTP://door:80/a//b': '/a//b',
  }
  await exchange(upstream.port, get('/first', CLOSE))
  for (const [target, path] of Object.entries(cases)) {
    t.equal((await exchange(upstream.port, get(target, CLOSE))).reply.status, 200, target)
    t.equal(upstream.received.at(-1)?.path, path)
  }
})

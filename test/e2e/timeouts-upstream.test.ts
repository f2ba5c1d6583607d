import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { external, startGateway } from '../helpers/gateway.js'
import { exchange, get, post, rawClient, repliesTo } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, saying, startProxied } from '../helpers/upstream.js'

/** They wait more than they work. */
t.jobs = 10
const CLOSE = ['Connection: close']
const OK = 'HTTP/1.1 200 OK\r\n'
/** Twenty times the limit that these tests set. */
const FAR_LESS_MS = 4_000

function timeouts(limits: object): { backend: { timeouts: object } } {
  return { backend: { timeouts: limits } }
}

/** How long something takes, in milliseconds. */
async function timed<Result>(what: Promise<Result>): Promise<[Result, number]> {
  const start = performance.now()
  return [await what, performance.now() - start]
}

t.test(
  'a backend that refuses connections gives a 502 at once, and works once it is up',
  async (t) => {
    const upstream = await startProxied(t, saying({}))
    const ask = () => exchange(upstream.port, get('/x', CLOSE))
    t.equal((await ask()).reply.status, 200)
    const { port } = new URL(upstream.url)
    upstream.server.close()
    await once(upstream.server, 'close')
    const [refused, ms] = await timed(ask())
    t.match(refused.reply, { status: 502, body: /GATEHOUSE_UNREACHABLE/ })
    t.notMatch(refused.text, /127\.0\.0\.1|ECONN/)
    t.ok(ms < 1_000, `${ms} ms`)
    upstream.server.listen(Number(port), '127.0.0.1')
    await once(upstream.server, 'listening')
    t.equal((await ask()).reply.status, 200)
  },
)

const LINUX = process.platform === 'linux' ? {} : { skip: 'other systems queue otherwise' }

t.test('a backend that accepts no connection gives a 502 in time', LINUX, async (t) => {
  const backend = await startBackend(t)
  const web = external(backend.url, { timeouts: { connect: '200ms' } })
  const routes = [{ path: '/*', to: 'backend:web' }]
  const gateway = await startGateway(t, { backends: { web }, routes })
  t.equal((await exchange(gateway.port, get('/x', CLOSE))).reply.status, 200)
  await backend.freeze()
  const [hung, ms] = await timed(exchange(gateway.port, get('/x', CLOSE)))
  t.match(hung.reply, { status: 502, body: /GATEHOUSE_UNREACHABLE/ })
  t.ok(ms < FAR_LESS_MS, `${ms} ms`)
})

t.test('a backend that sends no head in time gives a 504, and is left', async (t) => {
  const upstream = await startProxied(
    t,
    ({ socket, path }) => void (path === '/begun' && socket.write(`${OK}content-le`)),
    timeouts({ headers: '200ms' }),
  )
  const ask = (path: string) => exchange(upstream.port, get(path, CLOSE))
  const [replies, ms] = await timed(Promise.all(['/silent', '/begun'].map(ask)))
  for (const { reply, text } of replies) {
    t.match(reply, { status: 504, body: /GATEHOUSE_UPSTREAM_TIMEOUT/ })
    t.notMatch(text, /127\.0\.0\.1|UND_ERR/)
  }
  t.ok(ms < FAR_LESS_MS, `${ms} ms`)
  await Promise.all(upstream.received.map(({ closed }) => closed))
  const seen = () => upstream.gateway.logged.filter(({ outcome }) => outcome === 'timeout')
  await until('both are logged', () => seen().length === 2)
})

t.test('the wait for a head begins when the body has been sent', async (t) => {
  const upstream = await startProxied(t, saying({}), {
    backend: { bodies: 'stream', timeouts: { headers: '200ms' } },
  })
  const client = await rawClient(upstream.port)
  const bytes = post('/x', '12345', CLOSE)
  client.socket.write(bytes.slice(0, -5))
  for (const byte of '12345') {
    await pause(80)
    client.socket.write(byte)
  }
  t.match(await repliesTo(client, ['POST']), [{ status: 200 }])
})

t.test('a backend that falls silent in its reply breaks that of its client', async (t) => {
  const upstream = await startProxied(
    t,
    ({ socket, path }) => {
      const framing = path === '/length' ? 'content-length: 99' : 'transfer-encoding: chunked'
      socket.write(`${OK}${framing}\r\n\r\n${path === '/length' ? 'half' : '4\r\nhalf\r\n'}`)
    },
    timeouts({ bodyIdle: '200ms' }),
  )
  const ask = (path: string) => exchange(upstream.port, get(path, CLOSE))
  const [replies, ms] = await timed(Promise.all(['/length', '/chunked'].map(ask)))
  for (const { reply } of replies) t.match(reply, { status: 200, body: 'half', isWhole: false })
  t.ok(ms < FAR_LESS_MS, `${ms} ms`)
  await Promise.all(upstream.received.map(({ closed }) => closed))
})

t.test('a reply that trickles is none that is silent', async (t) => {
  const upstream = await startProxied(
    t,
    async ({ socket }) => {
      socket.write(`${OK}content-length: 8\r\n\r\n`)
      for (const byte of 'trickles') {
        await pause(100)
        socket.write(byte)
      }
    },
    timeouts({ headers: '400ms', bodyIdle: '400ms' }),
  )
  const { reply } = await exchange(upstream.port, get('/x', CLOSE))
  t.match(reply, { body: 'trickles', isWhole: true })
})

t.test('a request that takes too long altogether is ended, however lively it is', async (t) => {
  const trickle = async ({ socket, path }: Received) => {
    if (path === '/silent') return
    socket.write(`${OK}content-length: 999\r\n\r\n`)
    while (!socket.destroyed) {
      socket.write('x')
      await pause(20)
    }
  }
  const upstream = await startProxied(t, trickle, { backend: { requestTimeout: '200ms' } })
  const silent = await exchange(upstream.port, get('/silent', CLOSE))
  t.match(silent.reply, { status: 504, body: /GATEHOUSE_UPSTREAM_TIMEOUT/ })
  await upstream.received.at(-1)?.closed
  const lively = await exchange(upstream.port, get('/lively', CLOSE))
  t.match(lively.reply, { status: 200, body: /^x+$/, isWhole: false })
  await upstream.received.at(-1)?.closed
})

t.test('0 is no limit', async (t) => {
  const slow = async ({ socket }: Received) => {
    for (const piece of [OK, 'content-length: 2\r\n\r\n', 'o', 'k']) {
      await pause(100)
      socket.write(piece)
    }
  }
  const limits = { connect: 0, headers: 0, bodyIdle: 0 }
  const upstream = await startProxied(t, slow, { backend: { timeouts: limits, requestTimeout: 0 } })
  const { reply } = await exchange(upstream.port, get('/x', CLOSE))
  t.match(reply, { status: 200, body: 'ok', isWhole: true })
})

t.test('a route may be more patient than its backend, or less', async (t) => {
  const slow = async ({ socket, path }: Received) => {
    if (path !== '/slow/halting') await pause(1_300)
    socket.write(`${OK}content-length: 2\r\n\r\no`)
    if (path === '/slow/halting') await pause(1_300)
    socket.write('k')
  }
  const upstream = await startProxied(t, slow, {
    ...timeouts({ headers: '200ms' }),
    routes: [
      { path: '/slow/*', to: 'backend:web', timeouts: { headers: '5s', bodyIdle: '200ms' } },
      { path: '/endless', to: 'backend:web', timeouts: { headers: 0 } },
    ],
  })
  const ask = async (path: string) => (await exchange(upstream.port, get(path, CLOSE))).reply
  const paths = ['/x', '/slow/x', '/endless', '/slow/halting']
  t.match(await Promise.all(paths.map(ask)), [
    { status: 504 },
    { status: 200, body: 'ok', isWhole: true },
    { status: 200, body: 'ok', isWhole: true },
    { status: 200, body: 'o', isWhole: false },
  ])
})

t.test('a route may collect what its backend takes as a stream, or the other way', async (t) => {
  const big = 'x'.repeat(2_000)
  const ways = { buffer: ['stream', 200], stream: ['buffer', 413] } as const
  for (const [bodies, [inRoute, status]] of Object.entries(ways)) {
    const upstream = await startProxied(t, saying({}), {
      listen: { bufferBytes: '1KiB' },
      backend: { bodies },
      routes: [{ path: '/here', to: 'backend:web', bodies: inRoute }],
    })
    const ask = async (path: string) => await exchange(upstream.port, post(path, big, CLOSE))
    t.equal((await ask('/here')).reply.status, status, `${inRoute} for a backend with ${bodies}`)
    t.equal((await ask('/there')).reply.status, status === 200 ? 413 : 200)
  }
})

/** A process that answers, until it is frozen with its queue of connections full. */
async function startBackend(t: Test) {
  const answer = "(socket) => socket.on('data', () => socket.end('HTTP/1.0 200 OK\\r\\n\\r\\n'))"
  const listen =
    "{ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port)"
  const code = `const server = require('net').createServer(${answer}).listen(${listen})`
  const env = { ...process.env, NODE_OPTIONS: '' } // tap's would make it slow to start
  const child = spawn(process.execPath, ['-e', code], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const sockets: Socket[] = []
  t.teardown(() => {
    child.kill('SIGKILL')
    for (const socket of sockets) socket.destroy()
  })
  const port = Number(String(await once(child.stdout, 'data')))
  const freeze = async () => {
    child.kill('SIGSTOP')
    await until('it is frozen', () => / T /.test(readFileSync(`/proc/${child.pid}/stat`, 'latin1')))
    for (let place = 0; place < 2; place += 1) {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      sockets.push(socket)
      await once(socket, 'connect')
    }
  }
  return { url: `http://127.0.0.1:${port}`, freeze }
}

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { external, type Gateway, sample, startGateway } from '../helpers/gateway.js'
import { exchange, get, post, rawClient, valuesOf } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { accepting, type Handshake, offer, startFarSide } from '../helpers/websocket.js'

const FIXTURE = join(import.meta.dirname, '../fixtures/accepts-websockets.mjs')
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

const answer = ({ socket, head }: Handshake) =>
  void (/^upgrade: /im.test(head) ? socket.write(accepting()) : socket.end(OK))

/** A backend that the gateway starts, and that takes every WebSocket. */
function taker(settings: object) {
  const process = { command: '${node}', args: [FIXTURE, '${port}'] }
  return { stopTimeout: '500ms', process, ...settings }
}

async function open(t: Test, { port }: Gateway, path: string) {
  const client = await rawClient(port)
  t.teardown(() => client.socket.destroy())
  client.socket.write(offer(path))
  await client.sees('\r\n\r\n')
  t.match(client.text(), /^HTTP\/1\.1 101 /)
  return client
}

function inFlight({ app }: Gateway): number {
  return app.pool.statuses().reduce((sum, { inFlight }) => sum + inFlight, 0)
}

t.test('a line of news holds neither lane nor lease, and is no work', async (t) => {
  const side = await startFarSide(t, answer)
  const gateway = await startGateway(t, {
    backends: { comfy: external(side.url, { serves: ['image'], dialect: 'comfyui' }) },
  })
  const news = await open(t, gateway, '/ws?clientId=1')
  await open(t, gateway, '/ws?clientId=2')
  await until('the leases are given back', () => inFlight(gateway) === 0)
  const work = await exchange(gateway.port, post('/prompt', '{}', ['Connection: close']))
  t.equal(work.reply.status, 200, 'although only one request may be there at once')
  news.socket.write('ping')
  await side.handshakes[0]?.sees('ping')
  t.pass('and the news go on')
})

t.test('work over a WebSocket holds its lease and its turn until it is closed', async (t) => {
  const side = await startFarSide(t, answer)
  const settings = { dialect: 'openai', queueLimit: 1 }
  const gateway = await startGateway(t, { backends: { text: external(side.url, settings) } })
  const first = await open(t, gateway, '/v1/realtime?model=x')
  t.equal(inFlight(gateway), 1)
  const second = await rawClient(gateway.port)
  second.socket.write(offer('/v1/realtime'))
  await until('it waits', () => gateway.app.pool.statuses()[0]?.waiting === 1)
  const third = await exchange(gateway.port, offer('/v1/realtime'))
  t.match(third.reply, { status: 503, isWhole: true }, 'the lane is full')
  t.same(valuesOf(third.reply, 'connection'), ['close'])
  t.match(JSON.parse(third.reply.body), { error: { code: 'GATEHOUSE_LANE_FULL' } })
  t.equal(second.text(), '')
  first.socket.end()
  await second.sees(' 101 ')
  second.socket.destroy()
  await until('all is given back', () => inFlight(gateway) === 0 && side.sockets.size === 0)
})

t.test('a client that leaves while it waits for its turn is forgotten', async (t) => {
  const side = await startFarSide(t, answer)
  const gateway = await startGateway(t, {
    backends: { text: external(side.url, { dialect: 'openai' }) },
  })
  await open(t, gateway, '/v1/realtime')
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    const second = await rawClient(gateway.port)
    second.socket.write(offer('/v1/realtime'))
    await until('it waits', () => gateway.app.pool.statuses()[0]?.waiting === 1)
    second.socket[leave]()
    await until('it waits no more', () => gateway.app.pool.statuses()[0]?.waiting === 0)
  }
  t.equal(side.handshakes.length, 1)
})

t.test('no KoboldCpp is asked for a WebSocket, nor started for one', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text'), image: sample('image') },
    routes: [{ path: '/named/*', to: 'backend:image', stripPrefix: true }],
  })
  const refused = await exchange(gateway.port, offer('/v1/realtime'))
  t.match(refused.reply, { status: 404, isWhole: true })
  t.equal(refused.over, 'end')
  const news = await rawClient(gateway.port)
  news.socket.write(offer('/ws?clientId=1'))
  await news.sees('"status"')
  t.match(news.text(), /^HTTP\/1.1 101 /, 'the gateway has the news of its own queue')
  news.socket.destroy()
  t.same(gateway.starts, [])
  const { reply } = await exchange(gateway.port, offer('/named/api/extra/version'))
  t.match(reply, { status: 200, isWhole: true }, 'an offer on another path is a plain request')
  t.match(JSON.parse(reply.body), { result: 'KoboldCpp', txt2img: true })
  t.same(valuesOf(reply, 'connection'), ['close'])
})

t.test('a tunnel to work keeps its backend up; when that stops, it ends', async (t) => {
  const gateway = await startGateway(t, {
    listen: { drainTimeout: '100ms' },
    backends: { text: taker({ serves: ['text'], dialect: 'openai', idleTimeout: '100ms' }) },
  })
  const client = await open(t, gateway, '/v1/realtime')
  t.equal(gateway.starts.length, 1, 'it was started for it')
  await new Promise((resolve) => setTimeout(resolve, 400))
  client.socket.write('ping')
  await client.sees('ping')
  const pid = gateway.app.pool.statuses()[0]?.pid
  process.kill(Number(pid), 'SIGKILL')
  await client.over
  await until('all is given back', () => inFlight(gateway) === 0)
  await until('it is logged', () => gateway.logged.some(({ status }) => status === 101))
})

t.test('a line of news starts nothing, keeps nothing up, and ends with its backend', async (t) => {
  const gateway = await startGateway(t, {
    backends: { comfy: taker({ serves: ['image'], dialect: 'comfyui', idleTimeout: '1s' }) },
  })
  t.equal((await exchange(gateway.port, offer('/ws'))).reply.status, 503, 'it is not running')
  const door = '/gatehouse/backends/comfy/ws'
  t.equal((await exchange(gateway.port, offer(door))).reply.status, 503, 'nor at the raw door')
  t.same(gateway.starts, [])
  await exchange(gateway.port, post('/prompt', '{}', ['Connection: close']))
  const [front, back] = [await open(t, gateway, '/ws'), await open(t, gateway, door)]
  t.same(await Promise.all([front.over, back.over]), ['end', 'end'])
  await until('it is down', () => gateway.app.pool.statuses()[0]?.state === 'stopped')
})

t.test('closing the gateway ends news at once and work after the grace', async (t) => {
  const side = await startFarSide(t, answer)
  const gateway = await startGateway(t, {
    listen: { drainTimeout: '600ms' },
    backends: {
      comfy: external(side.url, { serves: ['image'], dialect: 'comfyui' }),
      text: external(side.url, { dialect: 'openai' }),
    },
  })
  const news = await open(t, gateway, '/ws')
  const work = await open(t, gateway, '/v1/realtime')
  const ended: string[] = []
  void news.over.then(() => ended.push('news'))
  void work.over.then(() => ended.push('work'))
  const begin = performance.now()
  await gateway.app.close()
  t.ok(performance.now() - begin < 5_000)
  await Promise.all([news.over, work.over])
  t.same(ended, ['news', 'work'])
  await until('the backend has no connection left', () => side.sockets.size === 0)
})

t.test('the raw door leads WebSockets to the pages of one backend', async (t) => {
  const side = await startFarSide(t, answer)
  const gateway = await startGateway(t, {
    backends: {
      comfy: external(`${side.url}/base`, { serves: [], dialect: 'generic' }),
      kobold: sample('text'),
    },
  })
  const client = await open(t, gateway, '/gatehouse/backends/comfy/api/ws?a=1')
  t.equal(side.handshakes.at(-1)?.path, '/base/api/ws?a=1')
  t.equal(inFlight(gateway), 1)
  client.socket.write('ping')
  await side.handshakes.at(-1)?.sees('ping')
  client.socket.destroy()
  await until('it is logged', () => gateway.logged.some(({ status }) => status === 101))
  const line = gateway.logged.find(({ status }) => status === 101)
  t.match(line, { backend: 'comfy', route: 'raw-door', outcome: 'ok' })
  t.equal(inFlight(gateway), 0)
  const nobody = await exchange(gateway.port, offer('/gatehouse/backends/nobody/ws'))
  t.equal(nobody.reply.status, 404)
  const kobold = await exchange(gateway.port, offer('/gatehouse/backends/kobold/api/extra/version'))
  t.equal(kobold.reply.status, 200, 'a KoboldCpp gets a plain request')
  const up = await exchange(gateway.port, offer('/gatehouse/backends/../x'))
  t.equal(up.reply.status, 400)
})

t.test('with several backends for pictures, the first is asked', async (t) => {
  const [one, two] = [await startFarSide(t, answer), await startFarSide(t, answer)]
  const settings = { serves: ['image'], dialect: 'comfyui' }
  const gateway = await startGateway(t, {
    backends: { one: external(one.url, settings), two: external(two.url, settings) },
  })
  await open(t, gateway, '/ws')
  t.equal(one.handshakes.length, 1)
  t.equal((await exchange(gateway.port, get('/ws', ['Connection: close']))).reply.status, 404)
})

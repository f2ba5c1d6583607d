import { once } from 'node:events'
import t from 'tap'
import { type Gateway, sample, startGateway } from '../helpers/gateway.js'
import { startKobold } from '../helpers/kobold.js'
import { afterBeats, beats, enter, OFTEN, replyOf, send } from '../helpers/patience.js'
import { get, post } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startProxied } from '../helpers/upstream.js'

/** They wait more than they work. */
t.jobs = 3
const ONE = '{"prompt":"It was","max_length":1}'
const SLOW = ['--token-interval', '60']
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

const status = ({ app }: Gateway) => app.pool.statuses()[0]
const generate = (gateway: Gateway, body = ONE) =>
  fetch(`${gateway.url}/api/v1/generate`, { method: 'POST', body })

function kill(gateway: Gateway): void {
  const pid = status(gateway)?.pid
  if (pid === undefined) throw new Error('it does not run')
  process.kill(pid, 'SIGKILL')
}

/** How often a backend was started, had ended by itself, and how many requests were sent again for it. */
async function counts({ url }: Gateway) {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const read = (line: RegExp) => Number(line.exec(metrics)?.[1] ?? 0)
  return {
    starts: read(/^gatehouse_backend_starts_total\{backend="\w+",outcome="ready"\} (\d+)$/m),
    crashes: read(/^gatehouse_backend_crashes_total\{backend="\w+"\} (\d+)$/m),
    replays: read(/^gatehouse_replays_total\{backend="\w+"\} (\d+)$/m),
  }
}

t.test('a backend that is killed over a request is started again, and sent it again', async (t) => {
  const text = sample('text', ['--crash-after-requests', '1'])
  const gateway = await startGateway(t, { backends: { text } })
  t.equal((await generate(gateway)).status, 200)
  const again = await generate(gateway)
  t.equal(again.status, 200)
  t.match(await again.json(), { results: [{ finish_reason: 'length' }] })
  await until(
    'both are logged',
    () => gateway.logged.filter((line) => 'outcome' in line).length > 1,
  )
  t.same(await counts(gateway), { starts: 2, crashes: 1, replays: 1 })
  const line = gateway.logged.filter((each) => 'outcome' in each).at(-1)
  t.match(line, { outcome: 'ok', status: 200, replays: 1 })
})

t.test(
  'a backend that is killed twice over a request is not started a third time for it',
  async (t) => {
    const text = sample('text', ['--crash-after-requests', '0'])
    const gateway = await startGateway(t, { backends: { text } })
    const reply = await generate(gateway)
    t.equal(reply.status, 502)
    t.match(await reply.json(), { detail: { code: 'GATEHOUSE_UPSTREAM_FAILED' } })
    await until('it is logged', () => gateway.logged.some(({ outcome }) => outcome !== undefined))
    t.same(await counts(gateway), { starts: 2, crashes: 2, replays: 1 })
    t.equal(gateway.moves.filter(({ to }) => to === 'starting').length, 2)
  },
)

t.test('all that was on a backend when it was killed is sent again', async (t) => {
  const gateway = await startGateway(t, {
    ...OFTEN,
    backends: { text: { ...sample('text', SLOW), concurrency: 4 } },
  })
  const body = '{"prompt":"It was","max_length":5}'
  const replies = [1, 2, 3].map(() => generate(gateway, body))
  const stream = await send(t, gateway, { path: '/v1/completions', body: '{"stream":true}' })
  await until('all are there', () => status(gateway)?.inFlight === 4)
  if (!replyOf(stream).body.includes('data:')) await beats(stream, 1)
  kill(gateway)
  for (const reply of await Promise.all(replies))
    t.equal(reply.status, 200, reply.ok ? '' : await reply.text())
  stream.socket.destroy()
  const { starts, crashes, replays } = await counts(gateway)
  t.same({ starts, crashes }, { starts: 2, crashes: 1 })
  t.ok(replays >= 3, `${replays}`)
})

t.test('who got comments gets the stream of the second sending', async (t) => {
  const text = sample('text', ['--first-token-delay', '200'])
  const gateway = await startGateway(t, { ...OFTEN, backends: { text } })
  const client = await send(t, gateway, { path: '/v1/completions', body: '{"stream":true,"n":1}' })
  await beats(client)
  await until('it is there', () => status(gateway)?.inFlight === 1)
  if (afterBeats(client) === '') kill(gateway)
  t.equal(await client.over, 'end')
  t.match(afterBeats(client), /^data: \{.*\ndata: \[DONE\]\n\n$/s)
  t.match(replyOf(client), { status: 200, isWhole: true })
})

t.test('an answer that has begun is not begun again', async (t) => {
  const text = sample('text', ['--crash-after-events', '2'])
  const gateway = await startGateway(t, { backends: { text } })
  const client = await send(t, gateway, {
    path: '/api/extra/generate/stream',
    body: ONE.replace('1', '9'),
  })
  const over = await client.over
  const { status: code, isWhole, body } = replyOf(client)
  t.equal(code, 200)
  t.notOk(over === 'end' && isWhole, 'it is visibly broken')
  t.equal(body.split('event: message').length, 3)
  await until('its end is told', async () => (await counts(gateway)).crashes === 1)
  t.same(await counts(gateway), { starts: 1, crashes: 1, replays: 0 })
})

t.test('a body that was passed on as it came is not sent again', async (t) => {
  const text = sample('text', ['--crash-after-requests', '0'])
  const gateway = await startGateway(t, { backends: { text: { ...text, bodies: 'stream' } } })
  t.equal((await generate(gateway)).status, 502)
  t.same(await counts(gateway), { starts: 1, crashes: 1, replays: 0 })
})

t.test('a living backend that hangs up has not crashed, and is not asked twice', async (t) => {
  const gateway = await startGateway(t, { backends: { text: sample('text') } })
  t.equal((await generate(gateway)).status, 200)
  const before = status(gateway)
  const reply = await generate(gateway, '[1]') // a KoboldCpp drops the connection over it
  t.equal(reply.status, 502)
  t.match(await reply.json(), { detail: { code: 'GATEHOUSE_UPSTREAM_FAILED' } })
  t.equal((await generate(gateway)).status, 200)
  t.match(status(gateway), { state: 'ready', pid: before?.pid })
  t.same(await counts(gateway), { starts: 1, crashes: 0, replays: 0 })
})

t.test('calls that make a KoboldCpp hang up reach it once', async (t) => {
  const { gateway, asked } = await startKobold(t, { concurrency: 0 })
  for (const path of ['/api/extra/data/list', '/sdapi/v1/txt2img']) {
    const had = asked.length
    const reply = fetch(gateway.url + path, { method: 'POST', body: '{}' })
    await until('it is there', () => asked.length > had)
    asked[had]?.socket.destroy()
    t.equal((await reply).status, 502, path)
    t.equal(asked.length, had + 1, path)
  }
  t.equal(status(gateway)?.state, 'ready')
  t.equal((await counts(gateway)).crashes, 0)
})

/** A server that hangs up over the first request of each kind on a connection that has served one before. */
async function startStale(t: Parameters<typeof startProxied>[0], settings = {}) {
  const used = new WeakSet<object>()
  const refused = new Set<string>()
  const answer = ({ socket, path, method }: Received) => {
    const isFirst = !refused.has(method + path)
    if (used.has(socket) && (isFirst || path.includes('never'))) {
      refused.add(method + path)
      return void socket.destroy()
    }
    used.add(socket)
    socket.write(OK)
  }
  const upstream = await startProxied(t, answer, { backend: { dialect: 'openai' }, ...settings })
  const ask = async (method: string, path: string) => {
    await (await fetch(`${upstream.gateway.url}/first`)).text()
    const body = method === 'GET' ? null : '{}'
    const reply = await fetch(upstream.gateway.url + path, { method, body })
    await reply.text()
    const isSame = (each: Received) => each.method === method && each.path === path
    return { status: reply.status, sent: upstream.received.filter(isSame).length }
  }
  return { ask, ...upstream }
}

t.test('work that a kept connection lost is sent again on a new one', async (t) => {
  const { ask } = await startStale(t)
  for (const path of ['/v1/completions', '/v1/embeddings', '/sdapi/v1/txt2img', '/v1/audio/speech'])
    t.same(await ask('POST', path), { status: 200, sent: 2 }, path)
  t.same(await ask('GET', '/page'), { status: 200, sent: 2 })
})

t.test('what may have been done already is not sent again', async (t) => {
  const { ask } = await startStale(t)
  for (const method of ['POST', 'PATCH']) {
    t.same(await ask(method, '/of/its/own'), { status: 502, sent: 1 }, method)
  }
  t.same(await ask('POST', '/api/extra/data/save'), { status: 502, sent: 1 })
})

t.test('a body that went by cannot be sent again on a new connection', async (t) => {
  const backend = { dialect: 'openai', bodies: 'stream' }
  const { ask } = await startStale(t, { backend })
  t.same(await ask('POST', '/v1/completions'), { status: 502, sent: 1 })
})

t.test('a connection that is new is not blamed for its age', async (t) => {
  let asked = 0
  const { gateway } = await startProxied(t, ({ socket }) => {
    asked += 1
    socket.destroy()
  })
  const { status: code } = await fetch(`${gateway.url}/v1/completions`, {
    method: 'POST',
    body: '{}',
  })
  t.same({ code, asked }, { code: 502, asked: 1 })
})

t.test('of a thousand requests none fails to a backend that closes idle connections', async (t) => {
  /** When a connection is closed after its answer: with it, and ever closer to the next request. */
  const CLOSES: readonly ((socket: Received['socket']) => void)[] = [
    (socket) => socket.end(),
    (socket) => void setImmediate(() => socket.end()),
    (socket) => void setTimeout(() => socket.end(), 0),
    (socket) => void setTimeout(() => socket.destroy(), 1),
    (socket) => void setTimeout(() => reset(socket), 1),
    (socket) => void setTimeout(() => socket.end(), 2),
    () => {},
  ]
  const upstream = await startProxied(
    t,
    ({ socket }) => {
      socket.write(OK)
      CLOSES[Math.floor(Math.random() * CLOSES.length)]?.(socket)
    },
    { backend: { dialect: 'openai' } },
  )
  const client = await enter(t, upstream.gateway)
  const answered: string[] = []
  for (let asked = 0; asked < 1_000; asked += 1) {
    const path = '/v1/completions'
    client.socket.write(asked % 2 === 0 ? post(path, '{}') : get(path))
    for (let reply = ''; !reply.endsWith('\r\n\r\nok'); ) {
      const [bytes] = (await once(client.socket, 'data')) as [Buffer]
      reply += bytes.toString('latin1')
      if (/^HTTP\/1\.1 (?!200)/.test(reply)) throw new Error(reply)
      answered[asked] = reply
    }
  }
  t.equal(answered.length, 1_000)
  t.ok(upstream.connections > 100 && upstream.connections < 1_500, `${upstream.connections}`)
})

/** One that is ending cannot be reset: Node 20 would lose hold of it, and hang at its own end. */
function reset(socket: Received['socket']): void {
  if (!socket.writableEnded) socket.resetAndDestroy()
}

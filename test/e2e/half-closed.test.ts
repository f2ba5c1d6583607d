import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import t, { type Test } from 'tap'
import { type Gateway, sample, startGateway } from '../helpers/gateway.js'
import { afterBeats, beats, enter, OFTEN, occupied, outcomes } from '../helpers/patience.js'
import { NO_REPLY, parseReplies, post, type RawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startProxied } from '../helpers/upstream.js'

/** They wait more than they work. */
t.jobs = 6
/** Ten times what it may take. */
const SOON_MS = 500
const WHOLE = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const STREAM = 'HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n'
const PROBE = ':\n\n'

const chunked = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\n` +
  `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
const FRAMINGS = { 'a length': post, chunks: chunked }

/** A client that has said all it will, and reads on. */
async function halfClosed(t: Test, gateway: Gateway, bytes: string): Promise<RawClient> {
  const client = await enter(t, gateway)
  client.socket.end(bytes)
  return client
}

const probes = (client: RawClient, count: number) =>
  until(
    `it was probed ${count} times`,
    () => parseReplies(client.text()).filter(({ status }) => status === 100).length >= count,
    5_000,
  )

/** The connection ended in order, with one whole final answer on it; returns that. */
async function finalReply(t: Test, client: RawClient) {
  t.equal(await client.over, 'end')
  const finals = parseReplies(client.text()).filter(({ status }) => status !== 100)
  t.equal(finals.length, 1)
  t.ok(finals[0]?.isWhole)
  return finals[0] ?? NO_REPLY
}

/** A backend that answers nothing until the test does. */
async function startSilent(t: Test, backend: object = {}) {
  const asked: Received[] = []
  const { gateway } = await startProxied(t, (request) => void asked.push(request), { backend })
  const next = async () => {
    const had = asked.length
    await until('it is at the backend', () => asked.length > had)
    return asked[had] as Received
  }
  return { gateway, asked, next }
}

for (const [what, send] of Object.entries(FRAMINGS)) {
  t.test(`who ends its side behind a body with ${what} still has its answer`, async (t) => {
    const { gateway, next } = await startSilent(t)
    const client = await halfClosed(t, gateway, send('/v1/completions', '{"prompt":"a"}'))
    const { socket, body } = await next()
    t.equal(String(body), '{"prompt":"a"}')
    await probes(client, 3)
    t.notOk(socket.destroyed)
    socket.end(WHOLE)
    t.equal((await finalReply(t, client)).body, 'ok')
    await until('it is logged', () => outcomes(gateway, '/v1/completions')[0] === 'ok')
  })
}

t.test('who ends its side still has all of an answer that comes in pieces', async (t) => {
  const { gateway, next } = await startSilent(t)
  const client = await halfClosed(t, gateway, post('/v1/completions', '{}'))
  const { socket } = await next()
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n')
  for (const piece of ['one', 'two']) {
    await client.sees('content-length: 6')
    socket.write(piece)
    await client.sees(piece)
  }
  t.equal((await finalReply(t, client)).body, 'onetwo')
})

for (const version of ['HTTP/1.1', 'HTTP/1.0']) {
  t.test(`who ends its side in a stream still has the rest of it, in ${version}`, async (t) => {
    const { gateway, next } = await startSilent(t)
    const client = await enter(t, gateway)
    const bytes = post('/v1/completions', '{"stream":true}').replace('HTTP/1.1', version)
    client.socket.write(bytes)
    const { socket } = await next()
    socket.write(STREAM)
    await client.sees('200 OK')
    client.socket.end()
    const pieces = ['data: 1\n\n', 'data: 2', '\n\ndata: 3\n', '\ndata: [DONE]\n\n']
    let sent = ''
    for (const piece of pieces) {
      sent += piece
      socket.write(piece)
      const body = () => parseReplies(client.text()).at(-1)?.body ?? ''
      await until('it came', () => body().replaceAll(PROBE, '') === sent)
      if (sent.endsWith('\n\n')) await until('it is probed', () => body().endsWith(PROBE))
    }
    socket.end()
    const { body } = await finalReply(t, client)
    t.equal(body.replaceAll(PROBE, ''), sent, 'nothing but comments was put in')
    t.equal(
      body
        .split(/(?<=\n\n)/)
        .filter((event) => event !== PROBE)
        .join(''),
      sent,
    )
  })
}

t.test('who ends its side in the lane still has its turn', async (t) => {
  const { gateway, free, next } = await occupied(t, {})
  const client = await halfClosed(t, gateway, post('/v1/messages', '{}'))
  await probes(client, 3)
  free()
  ;(await next()).socket.end(WHOLE)
  t.equal((await finalReply(t, client)).body, 'ok')
})

t.test('who ends its side and gets comments still has its stream', async (t) => {
  const { gateway, free, next } = await occupied(t, OFTEN)
  const client = await halfClosed(t, gateway, post('/v1/completions', '{"stream":true}'))
  await until('it gets comments', () => client.text().includes(': waiting'))
  free()
  ;(await next()).socket.end(`${STREAM}data: [DONE]\n\n`)
  const { body } = await finalReply(t, client)
  t.match(body, /^(: waiting\n\n)+data: \[DONE\]\n\n$/)
})

t.test('who ends its side while the backend starts still has its answer', async (t) => {
  const backends = { text: sample('text', ['--load-time', '300']) }
  const gateway = await startGateway(t, { backends })
  const whole = await halfClosed(t, gateway, post('/api/v1/generate', '{"max_length":2}'))
  await probes(whole, 2)
  t.notOk(gateway.moves.some(({ to }) => to === 'ready'))
  t.match(JSON.parse((await finalReply(t, whole)).body), { results: [{ finish_reason: 'length' }] })
  // A KoboldCpp would take the end of the client's side for its leaving.
  const stream = post('/api/extra/generate/stream', '{"max_length":9}')
  const { body } = await finalReply(t, await halfClosed(t, gateway, stream))
  t.match(body, /"finish_reason": "length"\}\n\n(:\n\n)*$/)
  t.equal(body.split('event: message').length, 11)
})

async function timed(what: Promise<unknown>): Promise<number> {
  const start = performance.now()
  await what
  return performance.now() - start
}

t.test('who is gone sends the same end, and is soon found out before its answer', async (t) => {
  const { gateway, next } = await startSilent(t)
  for (const send of Object.values(FRAMINGS)) {
    const client = await enter(t, gateway)
    client.socket.write(send('/v1/completions', '{}'))
    const { closed } = await next()
    client.socket.destroy()
    const ms = await timed(closed)
    t.ok(ms < SOON_MS, `${ms} ms`)
  }
  const isLogged = () => outcomes(gateway, '/v1/completions').length === 2
  await until('both are logged', isLogged)
  t.same(outcomes(gateway, '/v1/completions'), ['client_gone', 'client_gone'])
})

t.test('who is gone is soon found out in the lane', async (t) => {
  const { gateway, waiting } = await occupied(t, {})
  const client = await enter(t, gateway)
  client.socket.write(post('/v1/messages', '{}'))
  await until('it waits', () => waiting() === 1)
  client.socket.destroy()
  const ms = await timed(until('nobody waits', () => waiting() === 0))
  t.ok(ms < SOON_MS, `${ms} ms`)
})

t.test('who is gone is soon found out among those who got comments', async (t) => {
  const { gateway, waiting } = await occupied(t, OFTEN)
  const client = await enter(t, gateway)
  client.socket.write(post('/v1/completions', '{"stream":true}'))
  await beats(client)
  t.equal(afterBeats(client), '')
  client.socket.destroy()
  const ms = await timed(until('nobody waits', () => waiting() === 0))
  t.ok(ms < SOON_MS, `${ms} ms`)
})

t.test('who is gone is soon found out while the backend starts', async (t) => {
  const backends = { text: sample('text', ['--load-time', '5000']) }
  const gateway = await startGateway(t, { backends })
  const client = await enter(t, gateway)
  client.socket.write(post('/api/v1/generate', '{}'))
  await until('it starts', () => gateway.moves.some(({ to }) => to === 'starting'))
  client.socket.destroy()
  const isLogged = () => outcomes(gateway, '/api/v1/generate')[0] === 'client_gone'
  const ms = await timed(until('it is logged', isLogged))
  t.ok(ms < SOON_MS, `${ms} ms`)
})

t.test('who is gone is soon found out in the silence between two events', async (t) => {
  const { gateway, next } = await startSilent(t)
  for (const version of ['HTTP/1.1', 'HTTP/1.0']) {
    const client = await enter(t, gateway)
    client.socket.write(post('/v1/completions', '{}').replace('HTTP/1.1', version))
    const { socket, closed } = await next()
    socket.write(`${STREAM}data: 1\n\n`)
    await client.sees('data: 1')
    client.socket.destroy()
    const ms = await timed(closed)
    t.ok(ms < SOON_MS, `${version}: ${ms} ms`)
  }
})

t.test('who is gone in the midst of a body is found out, too', async (t) => {
  const { gateway, next } = await startSilent(t)
  const client = await enter(t, gateway)
  client.socket.write(post('/v1/completions', '{}'))
  const { socket, closed } = await next()
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf')
  await client.sees('half')
  client.socket.destroy()
  const ms = await timed(closed)
  t.ok(ms < 3_000, `${ms} ms: nothing can be put into it to ask`)
})

t.test('a client of HTTP/1.0 that ends its side before its answer is gone', async (t) => {
  const { gateway, next } = await startSilent(t)
  const bytes = post('/v1/completions', '{}').replace('HTTP/1.1', 'HTTP/1.0')
  const client = await enter(t, gateway)
  client.socket.write(bytes)
  const { closed } = await next()
  client.socket.end()
  const ms = await timed(closed)
  t.ok(ms < SOON_MS, `${ms} ms`)
  await client.over
  t.equal(client.text(), '', 'it was never sent an interim answer')
})

t.test('the probes are valid HTTP for a client that knows nothing of them', async (t) => {
  const { gateway, next } = await startSilent(t)
  const asked = request(`${gateway.url}/v1/completions`, { method: 'POST', agent: false })
  let continued = 0
  asked.on('continue', () => {
    continued += 1
  })
  asked.end('{}', () => asked.socket?.end())
  const { socket } = await next()
  await until('it was probed', () => continued >= 3)
  socket.end(WHOLE)
  const [reply] = (await once(asked, 'response')) as [IncomingMessage]
  t.equal(reply.statusCode, 200)
  t.equal(String(Buffer.concat(await reply.toArray())), 'ok')
})

import t from 'tap'
import { sample, startGateway } from '../helpers/gateway.js'
import {
  afterBeats,
  beats,
  enter,
  OFTEN,
  occupied,
  outcomes,
  replyOf,
  SSE,
  STREAMS,
  type Stream,
  send,
  type Waiter,
} from '../helpers/patience.js'
import { get, post, valuesOf } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/** They wait more than they work. */
t.jobs = 3
const OK = 'HTTP/1.1 200 OK\r\n'
t.test('a client of an event stream who waits in the lane gets comments, then the stream', (t) => {
  t.jobs = 3
  for (const stream of STREAMS) {
    t.test(stream.path, async (t) => {
      const { gateway, asked, free, next } = await occupied(t)
      const client = await send(t, gateway, stream)
      await beats(client, 3)
      t.equal(asked.length, 1, 'it is not at the backend')
      const head = replyOf(client)
      t.match(head, { status: 200, framing: 'chunked' })
      t.match(valuesOf(head, 'content-type'), [/^text\/event-stream/])
      t.same(valuesOf(head, 'access-control-allow-origin'), ['*'], 'pages may read it')
      t.same(valuesOf(head, 'x-accel-buffering'), ['no'])
      t.equal(valuesOf(head, 'x-request-id').length, 1)
      free()
      ;(await next()).socket.end(SSE + stream.stream)
      t.equal(await client.over, 'end')
      t.match(replyOf(client), { isWhole: true })
      t.equal(afterBeats(client), stream.stream, 'byte for byte')
      await until('it is logged', () => outcomes(gateway, stream.path)[0] === 'ok')
    })
  }
  t.end()
})

t.test('a client of HTTP/1.0 gets comments, too, and sees where the stream ends', async (t) => {
  const { gateway, free, next } = await occupied(t)
  const [stream] = STREAMS as [Stream]
  const client = await enter(t, gateway)
  client.socket.write(post(stream.path, stream.body).replace('HTTP/1.1', 'HTTP/1.0'))
  await beats(client)
  free()
  ;(await next()).socket.end(SSE + stream.stream)
  t.equal(await client.over, 'end')
  t.equal(afterBeats(client), stream.stream)
  t.equal(replyOf(client).framing, 'close')
})

t.test('a client who waits for a start gets comments, then the stream', async (t) => {
  const routes = { ...OFTEN, backends: { text: sample('text', ['--load-time', '250']) } }
  const gateway = await startGateway(t, routes)
  const client = await send(t, gateway, {
    path: '/api/extra/generate/stream',
    body: '{"prompt":"It was","max_length":3}',
  })
  await beats(client)
  t.notOk(gateway.moves.some(({ to }) => to === 'ready'))
  t.equal(await client.over, 'end')
  t.match(afterBeats(client), /^event: message\ndata: \{.*\}\n\n(.*\n)+\n$/)
  t.equal(replyOf(client).isWhole, true)
})

t.test('a client whose answer comes soon gets its own head, and no comment', async (t) => {
  const { gateway, free, next } = await occupied(t, {})
  const [stream] = STREAMS as [Stream]
  const client = await send(t, gateway, stream)
  free()
  const { socket } = await next()
  socket.write(SSE)
  await client.sees('x-own')
  socket.end(stream.stream)
  t.equal(await client.over, 'end')
  t.equal(replyOf(client).body, stream.stream)
  t.same(valuesOf(replyOf(client), 'x-own'), ['1'])
})

/** Requests whose clients get nothing but the answer, each with what it would be spoiled by. */
const SILENT: readonly Waiter[] = [
  { path: '/v1/chat/completions', body: '{"stream":false}' },
  { path: '/v1/completions', body: '{"prompt":"\\"stream\\":true"}' },
  { path: '/api/v1/generate', body: '{"stream":true}' },
  { path: '/api/chat', body: '{"stream":true}' },
  { path: '/api/generate', body: '{}' },
  { path: '/sdapi/v1/txt2img', body: '{}' },
  { path: '/v1/audio/speech', body: '{}' },
]
/** The same where clients that wait for JSON are told, too. */
const SILENT_IN_JSON: readonly Waiter[] = [
  { path: '/api/chat', body: '{"stream":false}' },
  { path: '/api/generate', body: '{}' },
  { path: '/v1/audio/speech', body: '{}' },
  { path: '/tts_to_audio', body: '{}' },
  { path: '/api/extra/music/generate', body: '{}' },
  { path: '/a/page/of/its/own', body: '{}' },
  { path: '/v1/audio/speech', body: '{}', accept: 'text/event-stream' },
]

for (const [heartbeat, silent] of [
  ['events', SILENT],
  ['json', SILENT_IN_JSON],
] as const) {
  t.test(`a client who cannot be told gets nothing with heartbeat "${heartbeat}"`, async (t) => {
    const { gateway, waiting } = await occupied(t, { ...OFTEN, backend: { heartbeat } })
    const clients = await Promise.all(silent.map((call) => send(t, gateway, call)))
    await until('all wait', () => waiting() === silent.length)
    const clock = await send(t, gateway, STREAMS[0] as Stream)
    await beats(clock, 4)
    for (const [at, client] of clients.entries()) t.equal(client.text(), '', `${silent[at]?.path}`)
  })
}

t.test('a page that generates is no JSON', async (t) => {
  const { gateway, waiting } = await occupied(t, { ...OFTEN, backend: { heartbeat: 'json' } })
  const client = await enter(t, gateway)
  client.socket.write(get('/noscript'))
  await until('it waits', () => waiting() === 1)
  const clock = await send(t, gateway, STREAMS[0] as Stream)
  await beats(clock, 3)
  t.equal(client.text(), '')
})

t.test('nobody is told anything with heartbeat "off", or without an interval', async (t) => {
  const { gateway: clockwork } = await occupied(t)
  for (const settings of [
    { ...OFTEN, backend: { heartbeat: 'off' } },
    { listen: { heartbeatInterval: 0 } },
  ]) {
    const { gateway, waiting } = await occupied(t, settings)
    const client = await send(t, gateway, STREAMS[0] as Stream)
    await until('it waits', () => waiting() === 1)
    const clock = await send(t, clockwork, STREAMS[0] as Stream)
    await beats(clock, 3)
    t.equal(client.text(), '')
    clock.socket.destroy()
  }
})

t.test('a client who got comments and leaves gives its place back', async (t) => {
  const { gateway, asked, waiting, free, next } = await occupied(t)
  const [stream] = STREAMS as [Stream]
  const leaver = await send(t, gateway, stream)
  await beats(leaver)
  t.equal(waiting(), 1)
  leaver.socket.destroy()
  await until('nobody waits', () => waiting() === 0)
  await until('it is logged', () => outcomes(gateway, stream.path)[0] === 'client_gone')
  const stayer = await send(t, gateway, { path: '/v1/messages', body: '{}' })
  await until('another waits', () => waiting() === 1)
  free()
  const { path, socket } = await next()
  t.equal(path, '/v1/messages', 'the leaver never reached the backend')
  socket.end(`${OK}content-length: 2\r\n\r\nok`)
  t.equal(await stayer.over, 'end')
  t.equal(asked.length, 2)
})

t.test('a client who got comments and leaves ends its request at the backend', async (t) => {
  const { gateway, asked } = await occupied(t, { ...OFTEN, backend: { concurrency: 0 } })
  const [stream] = STREAMS as [Stream]
  const client = await send(t, gateway, stream)
  await beats(client)
  client.socket.destroy()
  await asked[1]?.closed
  await until('it is logged', () => outcomes(gateway, stream.path)[0] === 'client_gone')
})

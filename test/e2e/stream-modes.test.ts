import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { Gateway } from '../helpers/gateway.js'
import { outcomes, startKobold } from '../helpers/kobold.js'
import { afterBeats, beats, occupied, replyOf, send } from '../helpers/patience.js'
import { get, post, rawClient, repliesTo } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startProxied } from '../helpers/upstream.js'

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n'
const CHUNKED = `${HEAD}transfer-encoding: chunked\r\n\r\n`
const LAST = '0\r\n\r\n'
const IDLE = { timeouts: { bodyIdle: '200ms' } }

const chunk = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n`

/** One event after the other, each in a packet of its own. */
async function tell({ socket }: Received, ...pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece, 'latin1')
    await pause(10)
  }
}

const lastOutcome = (gateway: Gateway) => outcomes(gateway).at(-1)

t.test('when the client of a stream leaves, its backend hears of it at once', async (t) => {
  const upstream = await startProxied(t, (asked) =>
    tell(asked, CHUNKED, chunk('data: 1\n\n'), chunk('data: 2\n\n')),
  )
  for (const how of ['destroy', 'resetAndDestroy'] as const) {
    const client = await rawClient(upstream.port)
    client.socket.write(get('/x'))
    await client.sees('data: 2')
    const start = performance.now()
    client.socket[how]()
    await upstream.received.at(-1)?.closed
    t.ok(performance.now() - start < 2_000, how)
    await until('it is logged', () => lastOutcome(upstream.gateway) === 'client_gone')
  }
})

t.test('a silence behind events is told as a break of the backend, and ends it', async (t) => {
  const upstream = await startProxied(
    t,
    (asked) => tell(asked, CHUNKED, chunk('data: 1\n\n'), chunk('data: 2\n\n')),
    { backend: IDLE },
  )
  const client = await rawClient(upstream.port)
  client.socket.write(get('/x'))
  await client.over
  await upstream.received[0]?.closed
  await until('it is logged', () => lastOutcome(upstream.gateway) === 'upstream_broken')
})

t.test('a stream that is read on without its client may end, or fall silent', async (t) => {
  for (const end of ['ok', 'silence']) {
    const upstream = await startProxied(t, () => {}, {
      backend: { ...IDLE, onClientGone: 'finish' },
    })
    const { gateway, received } = upstream
    const client = await rawClient(upstream.port)
    client.socket.write(post('/x', '{}'))
    await until('it is at the backend', () => received.length === 1)
    const [asked] = received as [Received]
    await tell(asked, CHUNKED, chunk('data: 1\n\n'), chunk('data: 2\n\n'))
    await client.sees('data: 2')
    client.socket.destroy()
    for (let event = 3; event < 9; event += 1) await tell(asked, chunk(`data: ${event}\n\n`))
    t.equal(gateway.app.pool.statuses()[0]?.inFlight, 1, 'it goes on')
    t.notOk(asked.socket.destroyed)
    if (end === 'ok') await tell(asked, LAST)
    await until('its lease is free', () => gateway.app.pool.statuses()[0]?.inFlight === 0)
    const [line] = gateway.logged.filter(({ outcome }) => outcome !== undefined)
    t.match(line, { outcome: 'client_gone', responseBytes: 8 * 'data: 1\n\n'.length }, end)
  }
})

t.test(
  'the stream of a pipelined request that nobody will read may fall silent, too',
  async (t) => {
    const { port, gateway, received } = await startProxied(t, () => {}, {
      backend: { ...IDLE, onClientGone: 'finish' },
    })
    const client = await rawClient(port)
    client.socket.write(post('/first', '{}') + post('/second', '{}'))
    await until('both are at the backend', () => received.length === 2)
    const second = received.find(({ path }) => path === '/second') as Received
    const first = received.find(({ path }) => path === '/first') as Received
    second.socket.write(CHUNKED + chunk('x'.repeat(1_000_000)))
    await pause(100)
    client.socket.destroy()
    await tell(first, CHUNKED + chunk('data: 1\n\n') + LAST)
    await until('all leases are free', () => gateway.app.pool.statuses()[0]?.inFlight === 0)
    await second.closed
  },
)

t.test('events behind the heartbeats of who waited come whole and in order', async (t) => {
  const { gateway, free, next } = await occupied(t)
  const client = await send(t, gateway, { path: '/v1/completions', body: '{"stream":true}' })
  await beats(client, 3)
  free()
  const events = Array.from({ length: 50 }, (_, n) => `data: ${n}\n\n`)
  const done = 'data: [DONE]\n\n'
  await tell(await next(), CHUNKED, ...[...events, done].map(chunk), LAST)
  t.equal(await client.over, 'end')
  t.equal(replyOf(client).isWhole, true)
  t.equal(afterBeats(client), events.join('') + done)
})

t.test('a KoboldCpp streams to the end of its connection', async (t) => {
  const { send: ask, asked, gateway } = await startKobold(t)
  const client = await ask('/api/extra/generate/stream', {})
  await until('it is at the backend', () => asked.length === 1)
  const events = Array.from({ length: 50 }, (_, n) => `event: message\ndata: {"token":"${n}"}\n\n`)
  const last = 'event: message\ndata: {"token":"","finish_reason":"stop"}\n\n'
  const [request] = asked as [Received]
  await tell(request, `${HEAD.replace('HTTP/1.1', 'HTTP/1.0')}\r\n`, ...events, last)
  request.socket.end()
  const [reply] = await repliesTo(client, ['POST'])
  t.equal(reply?.body, events.join('') + last)
  t.equal(reply?.isWhole, true)
  await until('it is logged', () => lastOutcome(gateway) === 'ok')
  t.match(gateway.logged.at(-1), { events: 51 })
})

const PACKED = gzipSync('data: 1\n\n'.repeat(40)).toString('latin1')

t.test('a stream with a coding passes byte for byte, whatever ends it', async (t) => {
  const coded = 'content-encoding: gzip\r\n'
  const upstream = await startProxied(t, async (asked) => {
    const isOpen = asked.headers.accept === 'open'
    const packed = CHUNKED.replace('\r\n\r\n', `\r\n${coded}\r\n`)
    const open = `${HEAD.replace('HTTP/1.1', 'HTTP/1.0')}${coded}\r\n`
    await tell(asked, isOpen ? open : packed)
    for (const byte of PACKED) await tell(asked, isOpen ? byte : chunk(byte))
    if (isOpen) asked.socket.end()
    else asked.socket.write(LAST)
  })
  for (const how of ['open', 'chunked']) {
    const client = await rawClient(upstream.port)
    client.socket.write(post('/v1/completions', '{"stream":true}', [`Accept: ${how}`]))
    const [reply] = await repliesTo(client, ['POST'])
    t.match(reply, { isWhole: true, body: PACKED }, how)
    client.socket.destroy()
  }
})

t.test('no words are put into a stream with a coding when it breaks', async (t) => {
  const upstream = await startProxied(t, async (asked) => {
    await tell(asked, CHUNKED.replace('\r\n\r\n', '\r\ncontent-encoding: gzip\r\n\r\n'))
    asked.socket.destroy()
  })
  const client = await rawClient(upstream.port)
  client.socket.write(post('/v1/completions', '{"stream":true}'))
  await client.over
  t.match(replyOf(client), { status: 200, isWhole: false, body: '' })
})

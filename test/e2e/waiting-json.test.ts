import t from 'tap'
import {
  beats,
  OFTEN,
  occupied,
  outcomes,
  replyOf,
  STREAMS,
  type Stream,
  send,
  type Waiter,
} from '../helpers/patience.js'
import { type RawClient, valuesOf } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/** They wait more than they work. */
t.jobs = 3
const JSON_CALLS: readonly Waiter[] = [
  { path: '/api/v1/generate', body: '{}' },
  { path: '/v1/chat/completions', body: '{"stream":false}' },
  { path: '/v1/messages', body: '{}' },
  { path: '/sdapi/v1/txt2img', body: '{}' },
  { path: '/v1/embeddings', body: '{}' },
  { path: '/v1/audio/transcriptions', body: 'some form' },
]
const IN_JSON = { ...OFTEN, backend: { heartbeat: 'json', concurrency: 0 } }
const spaces = (client: RawClient) =>
  until('white space came', () => /^ {2,}/.test(replyOf(client).body), 5_000)

t.test('with heartbeat "json", white space comes before JSON', async (t) => {
  const { gateway, asked } = await occupied(t, IN_JSON)
  const answer = '{"results":[{"text":"  \\u00e9"}]}'
  for (const call of JSON_CALLS) {
    const had = asked.length
    const client = await send(t, gateway, call)
    await spaces(client)
    t.match(valuesOf(replyOf(client), 'content-type'), ['application/json'])
    t.same(valuesOf(replyOf(client), 'access-control-allow-origin'), ['*'])
    asked[had]?.socket.end(`HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n${answer}`)
    t.equal(await client.over, 'end')
    const { body, isWhole } = replyOf(client)
    t.ok(isWhole)
    t.equal(body.trimStart(), answer, call.path)
    t.same(JSON.parse(body), JSON.parse(answer))
    await until('it is logged', () => outcomes(gateway, call.path).includes('ok'))
  }
})

t.test('with heartbeat "json", errors are JSON with status 200', async (t) => {
  const { gateway, asked } = await occupied(t, IN_JSON)
  const send200 = async (call: Waiter, answer: string) => {
    const had = asked.length
    const client = await send(t, gateway, call)
    await spaces(client)
    asked[had]?.socket.end(answer)
    t.equal(await client.over, 'end')
    t.match(replyOf(client), { status: 200, isWhole: true })
    return JSON.parse(replyOf(client).body) as unknown
  }
  const [generate, chat] = JSON_CALLS as [Stream, Stream]
  const busy = { detail: { msg: 'busy', type: 'service_unavailable' } }
  const head = 'HTTP/1.0 503 Busy\r\ncontent-type: application/json\r\n\r\n'
  t.same(await send200(generate, head + JSON.stringify(busy)), busy, 'as the backend said it')
  await until('it is logged', () => outcomes(gateway, generate.path).includes('upstream_error'))
  const page = 'HTTP/1.0 500 No\r\ncontent-type: text/html\r\n\r\n<p>no</p>'
  const broken = { code: 'GATEHOUSE_UPSTREAM_BROKEN' }
  t.match(await send200(chat, page), { error: broken })
  t.match(await send200(chat, ''), { error: { code: 'GATEHOUSE_UPSTREAM_FAILED' } })
})

t.test(
  'with heartbeat "json", a transcript may be plain text, and streams get comments',
  async (t) => {
    const { gateway, asked } = await occupied(t, IN_JSON)
    const plain = await send(t, gateway, { path: '/v1/audio/transcriptions', body: 'some form' })
    await spaces(plain)
    asked[1]?.socket.end('HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nall that was said')
    t.equal(await plain.over, 'end')
    t.equal(replyOf(plain).body.trimStart(), 'all that was said')
    const stream = await send(t, gateway, STREAMS[0] as Stream)
    await beats(stream)
  },
)

t.test(
  'with heartbeat "json", a body that is not read is not answered before its time',
  async (t) => {
    const { gateway, waiting } = await occupied(t, {
      ...OFTEN,
      backend: { heartbeat: 'json', bodies: 'stream' },
    })
    const client = await send(t, gateway, { path: '/v1/chat/completions', body: '{"stream":true}' })
    await until('it waits', () => waiting() === 1)
    const clock = await send(t, gateway, STREAMS.at(-1) as Stream)
    await beats(clock, 3)
    t.equal(client.text(), '')
  },
)

import { once } from 'node:events'
import t from 'tap'
import {
  exchange,
  getJson,
  open,
  post,
  postBytes,
  postJson,
  replyOn,
  startSample,
  untilPerf,
} from './sample-client.js'

const LONG = { prompt: 'Alice', max_length: 2048, seed: 1 }
const GENERATE = '/api/v1/generate'
const ABORT = '/api/extra/abort'

/** A backend whose texts last for minutes, so that only an abort ends them. */
const slow = ['--token-interval', '100', '--model', 'text,image']

t.test('one runs, nine wait, and the eleventh is refused at once', async (t) => {
  const port = await startSample(t, ...slow)
  for (let sent = 0; sent < 10; sent += 1) await open(port, postBytes(GENERATE, LONG))
  await untilPerf(port, { queue: 9, idle: 0 })
  const refused = await post(port, '/sdapi/v1/txt2img', { prompt: 'red' })
  t.equal(refused.status, 503)
  t.equal(
    refused.body.toString(),
    '{"detail": {"msg": "Server is busy; please try again later.", "type": "service_unavailable"}}',
  )
  t.equal((await post(port, '/no/such/path', {})).status, 503)
  t.equal((await post(port, '/api/extra/tokencount', { prompt: 'a' })).status, 200)
})

t.test(
  'an abort with the running key ends the text, and its caller gets what was made',
  async (t) => {
    const port = await startSample(t, ...slow)
    const running = exchange(port, postBytes(GENERATE, { ...LONG, genkey: 'K1' }))
    await untilPerf(port, { idle: 0 })
    t.same(await postJson(port, ABORT, { genkey: 'other' }), { success: 'false', done: 'false' })
    t.same(await postJson(port, ABORT, { genkey: 'K1' }), { success: 'true', done: 'true' })
    const { results } = JSON.parse((await running).body.toString())
    t.equal(results[0].finish_reason, 'length')
    t.ok(results[0].completion_tokens < 2048)
  },
)

t.test('an abort without a key works only while nothing waits', async (t) => {
  const port = await startSample(t, ...slow)
  const first = exchange(port, postBytes(GENERATE, LONG))
  await untilPerf(port, { idle: 0 })
  const second = exchange(port, postBytes(GENERATE, { ...LONG, genkey: 'K2' }))
  await untilPerf(port, { queue: 1 })
  t.same(await postJson(port, ABORT, {}), { success: 'false', done: 'false' })
  t.same(await postJson(port, ABORT, { genkey: 'K2' }), { success: 'true', done: 'false' })
  t.same(await postJson(port, '/api/extra/generate/check', {}), { results: [{ text: '' }] })
  const third = await open(port, postBytes(GENERATE, LONG))
  await untilPerf(port, { queue: 2 })
  t.same(await postJson(port, ABORT, { genkey: 'K2' }), { success: 'true', done: 'false' })
  third.destroy()
  await untilPerf(port, { queue: 2 })
  t.pass('whoever leaves while it waits keeps its place')
  void first
  void second
})

t.test('a key that was aborted while it waited returns no text when its turn comes', async (t) => {
  const port = await startSample(t, ...slow)
  const first = exchange(port, postBytes(GENERATE, { ...LONG, genkey: 'K1' }))
  await untilPerf(port, { idle: 0 })
  const second = exchange(port, postBytes(GENERATE, { ...LONG, genkey: 'K2' }))
  await untilPerf(port, { queue: 1 })
  await postJson(port, ABORT, { genkey: 'K2' })
  await postJson(port, ABORT, { genkey: 'K1' })
  await first
  t.equal(JSON.parse((await second).body.toString()).results[0].text, '')
})

t.test('an idle backend takes an abort without a key for done', async (t) => {
  const port = await startSample(t)
  const empty = 'POST /api/extra/abort HTTP/1.1\r\n\r\n'
  t.same(JSON.parse((await exchange(port, empty)).body.toString()), {
    success: 'true',
    done: 'true',
  })
  t.same(await postJson(port, ABORT, { genkey: 'K' }), { success: 'false', done: 'false' })
})

t.test('the text so far is told to its key alone, and goes on being told at the end', async (t) => {
  const port = await startSample(t)
  const { results } = await postJson(port, GENERATE, { ...LONG, max_length: 5, genkey: 'K1' })
  const check = '/api/extra/generate/check'
  t.same(await postJson(port, check, { genkey: 'K1' }), { results: [{ text: results[0].text }] })
  t.same(await postJson(port, check, { genkey: 'K2' }), { results: [{ text: '' }] })
  t.same(await getJson(port, check), { results: [{ text: '' }] })
})

t.test('a stream whose client leaves is ended; the next one runs', async (t) => {
  const port = await startSample(t, ...slow)
  const socket = await open(port, postBytes('/v1/completions', { ...LONG, stream: true }))
  await once(socket, 'data')
  socket.destroy()
  await untilPerf(port, { idle: 1, total_gens: 1 })
  const { last_token_count: made } = Object(await getJson(port, '/api/extra/perf'))
  t.ok(made < 2048)
})

t.test('a whole text whose client leaves is made to its end', async (t) => {
  const port = await startSample(t)
  const socket = await open(port, postBytes(GENERATE, LONG))
  await getJson(port, '/api/extra/perf')
  socket.destroy()
  await untilPerf(port, { idle: 1, total_gens: 1, last_token_count: 2048 })
})

t.test('a client that ends its side early still gets a whole text', async (t) => {
  const port = await startSample(t)
  const socket = await open(port, postBytes(GENERATE, { ...LONG, max_length: 3 }))
  socket.end()
  t.equal((await replyOn(socket)).status, 200)
})

t.test('the head of a stream comes at once, long before its first event', async (t) => {
  const port = await startSample(t, '--first-token-delay', '600000')
  const socket = await open(port, postBytes('/api/extra/generate/stream', LONG))
  const [head] = await once(socket, 'data')
  t.match(String(head), /^HTTP\/1\.0 200 OK\r\n[\s\S]*text\/event-stream\r\n\r\n$/)
})

t.test('a picture cannot be aborted', async (t) => {
  const port = await startSample(t, '--model', 'image', '--image-time', '200')
  const socket = await open(port, postBytes('/sdapi/v1/txt2img', { width: 64, height: 64 }))
  const picture = replyOn(socket)
  t.same(await postJson(port, ABORT, {}), { success: 'true', done: 'true' })
  t.not(JSON.parse((await picture).body.toString()).images[0], '')
})

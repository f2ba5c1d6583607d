import t from 'tap'
import {
  exchange,
  get,
  open,
  post,
  postBytes,
  postJson,
  replyOn,
  startSample,
} from './sample-client.js'

const SHORT_TEXT = { prompt: 'Alice', max_length: 3, seed: 1 }

t.test('a JSON answer has the header block of KoboldCpp, HTTP/1.0 and in its order', async (t) => {
  const port = await startSample(t)
  const { head, body } = await get(port, '/api/v1/info/version')
  t.equal(body.toString(), '{"result": "1.2.5"}')
  const lines = head.replace(/Date: .*GMT/, 'Date: D').split('\r\n')
  t.match(lines[6], /^access-control-allow-headers: \*, Accept, .*, apikey, genkey$/)
  lines.splice(6, 1)
  t.same(lines, [
    'HTTP/1.0 200 OK',
    'Server: ConcedoLlamaForKoboldServer ',
    'Date: D',
    'content-length: 19',
    'access-control-allow-origin: *',
    'access-control-allow-methods: *',
    'cache-control: no-store',
    'content-type: application/json',
  ])
})

t.test(
  'a stream has no length, two cache-control lines, and ends with the connection',
  async (t) => {
    const port = await startSample(t)
    const { head, body } = await post(port, '/api/extra/generate/stream', SHORT_TEXT)
    t.notMatch(head, /^content-length/m)
    t.same(head.match(/cache-control: .*/g), ['cache-control: no-cache', 'cache-control: no-store'])
    t.match(head, 'X-Accel-Buffering: no')
    t.match(head, 'content-type: text/event-stream')
    t.match(
      body.toString(),
      /^event: message\ndata: \{"token": "[^"]+", "finish_reason": null\}\n\n/,
    )
    t.match(body.toString(), /\{"token": "", "finish_reason": "length"\}\n\n$/)
  },
)

t.test('the connection closes after one answer and a second request is never read', async (t) => {
  const port = await startSample(t)
  const request = 'GET /api/extra/preloadstory HTTP/1.1\r\nConnection: keep-alive\r\n\r\n'
  const { head, body } = await exchange(port, request + request)
  t.match(head, /^HTTP\/1\.0 200 OK/)
  t.equal(body.toString(), '{}')
})

t.test('paths match by their end, trailing slashes and the query left out', async (t) => {
  const port = await startSample(t, '--name', 'tiny')
  for (const path of ['/any/thing/api/v1/model//', '//api/v1/model', '/lcpp/api/v1/model?x=1'])
    t.equal((await get(port, path)).body.toString(), '{"result": "koboldcpp/tiny"}', path)
  t.equal((await get(port, '/api/v1/mod%65l')).status, 404)
  t.equal((await get(port, '/v1/chat/completions')).status, 404)
  t.same(JSON.parse(String((await get(port, '/props')).body)).modalities, {
    vision: false,
    audio: false,
  })
})

t.test('what does not exist is told in the words of KoboldCpp', async (t) => {
  const port = await startSample(t)
  const unknown = await get(port, '/health')
  t.equal(unknown.status, 404)
  t.match(unknown.body.toString(), /^Error: HTTP Server is running, but this endpoint/)
  t.notMatch(unknown.head, /^content-length/m)
  const posted = await post(port, '/sdapi/v1/interrupt', {})
  t.equal(posted.status, 404)
  t.equal(posted.body.length, 0)
  t.equal((await exchange(port, 'PUT / HTTP/1.1\r\n\r\n')).status, 501)
  for (const method of ['OPTIONS', 'HEAD']) {
    const reply = await exchange(port, `${method} /nowhere HTTP/1.1\r\n\r\n`)
    t.equal(reply.status, 200)
    t.equal(reply.body.length, 0)
  }
})

t.test('a chunked body is not read', async (t) => {
  const port = await startSample(t)
  const chunked = (path: string) =>
    `POST ${path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`
  const generate = await exchange(port, chunked('/api/v1/generate'))
  t.equal(generate.status, 500)
  t.equal(
    generate.body.toString(),
    '{"detail": {"msg": "Error parsing input.", "type": "bad_input"}}',
  )
  const count = await exchange(port, chunked('/api/extra/tokencount'))
  t.equal(count.status, 400)
  t.equal(count.body.toString(), '{"value": -1}')
})

t.test('a body beyond 32 MiB is refused before it is sent', async (t) => {
  const port = await startSample(t)
  const head = `POST /api/v1/generate HTTP/1.1\r\nContent-Length: ${2 ** 25 + 1}\r\n\r\n`
  const { status, body } = await exchange(port, head)
  t.equal(status, 500)
  t.match(body.toString(), 'Payload is too big')
})

t.test('JSON that is no object, and a length that is no number, are hung up on', async (t) => {
  const port = await startSample(t)
  t.equal((await post(port, '/api/v1/generate', [])).head, '')
  const bad = await exchange(port, 'POST /api/v1/generate HTTP/1.1\r\nContent-Length: x\r\n\r\n')
  t.equal(bad.head, '')
})

t.test(
  'a body that comes in pieces is put together, and never looked at for its type',
  async (t) => {
    const port = await startSample(t)
    const bytes = postBytes('/api/extra/tokencount', { prompt: 'four score and seven' }, [
      'Content-Type: text/plain',
    ])
    const socket = await open(port, bytes.subarray(0, 30))
    socket.setNoDelay(true)
    socket.write(bytes.subarray(30, 100))
    socket.write(bytes.subarray(100))
    const { body } = await replyOn(socket)
    t.equal(JSON.parse(body.toString()).value, 4)
  },
)

t.test('a password guards text but neither pictures nor what is told of the backend', async (t) => {
  const port = await startSample(t, '--password', 'pw', '--model', 'text,image')
  const refused = await post(port, '/api/v1/generate', SHORT_TEXT)
  t.equal(refused.status, 401)
  t.match(JSON.parse(refused.body.toString()), { detail: { type: 'unauthorized' } })
  for (const [key, status] of [
    ['Bearer pw', 200],
    ['bearer pw', 401],
  ]) {
    const bytes = postBytes('/api/v1/generate', SHORT_TEXT, [`Authorization: ${key}`])
    t.equal((await exchange(port, bytes)).status, status)
  }
  t.equal(
    (await post(port, '/sdapi/v1/txt2img', { prompt: 'red', width: 64, height: 64 })).status,
    200,
  )
  t.match(String((await get(port, '/api/extra/version')).body), '"protected": true')
  t.match(String((await get(port, '/api/v1/model')).body), 'koboldcpp/protected-model')
})

t.test('twenty-four open connections keep every further request waiting', async (t) => {
  const port = await startSample(t)
  const bytes = postBytes('/api/v1/generate', SHORT_TEXT)
  const idle = await Promise.all(Array.from({ length: 24 }, () => open(port, bytes.subarray(0, 9))))
  const perf = get(port, '/api/extra/perf')
  idle[0]?.write(bytes.subarray(9))
  t.equal(JSON.parse((await perf).body.toString()).total_gens, 1)
})

t.test('an unreadable value never takes the backend down', async (t) => {
  const port = await startSample(t)
  t.match(await postJson(port, '/api/v1/generate', { prompt: 123, max_length: 'x', seed: {} }), {
    results: [{ finish_reason: 'length' }],
  })
})

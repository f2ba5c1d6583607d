import t, { type Test } from 'tap'
import { sample, startGateway } from '../helpers/gateway.js'
import { exchange, post, rawClient, valuesOf } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startProxied } from '../helpers/upstream.js'

t.jobs = 4
const VERSION = 'HTTP/1.0 200 OK\r\n\r\n{"result":"KoboldCpp","llm":true}'
const JSON_HEAD = 'HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n'
const SSE = 'HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n'
const NO_TEXT = '{"results": [{"text": "", "finish_reason": "error"}]}'
const NO_EVENT = 'event: message\ndata: {"token": "", "finish_reason": "error"}\n\n'
const long = (body: string, lines = '') =>
  `${JSON_HEAD}${lines}content-length: ${body.length}\r\n\r\n${body}`
const CLOSE = ['Connection: close']

/** A backend that says what the test says to all but its readiness probe. */
async function startSaying(
  t: Test,
  says: (request: Received) => void | Promise<void>,
  { listen = {}, ...backend }: { listen?: object; [setting: string]: unknown } = {},
) {
  const answer = (request: Received) => {
    const isProbe = request.path === '/api/extra/version'
    return isProbe ? void request.socket.end(VERSION) : says(request)
  }
  const settings = { dialect: 'koboldcpp', livenessInterval: '0', concurrency: 0, ...backend }
  return await startProxied(t, answer, { probe: 'none', listen, backend: settings })
}

t.test(
  'text asked of a backend for pictures is a clear error in the dialect of the caller',
  async (t) => {
    const gateway = await startGateway(t, {
      backends: { painter: sample('image') },
      routes: [{ path: '/*', to: 'backend:painter' }],
    })
    const ask = async (path: string, body: object) => {
      const reply = await fetch(gateway.url + path, { method: 'POST', body: JSON.stringify(body) })
      t.equal(reply.status, 502, path)
      return await reply.json()
    }
    const message = /^The painter backend had no result .* no model loaded for it/
    const code = 'GATEHOUSE_EMPTY_ANSWER'
    const kobold = { detail: { msg: message, code } }
    const openai = { error: { message, code } }
    t.match(await ask('/api/v1/generate', { prompt: 'a' }), kobold)
    t.match(await ask('/api/extra/generate/stream', { prompt: 'a' }), kobold)
    t.match(await ask('/v1/completions', { prompt: 'a' }), openai)
    t.match(await ask('/v1/completions', { prompt: 'a', stream: true }), openai)
    t.match(await ask('/v1/chat/completions', { messages: [], stream: true }), openai)
    t.match(await ask('/v1/messages', { messages: [] }), { type: 'error', error: { message } })
    t.match(await ask('/api/chat', { messages: [] }), { error: message })
    t.match(await ask('/api/generate', { prompt: 'a', stream: false }), { error: message })
    t.match(await ask('/v1/embeddings', { input: ['a', 'b'] }), openai)
    t.match(await ask('/v1/audio/speech', { input: 'a' }), openai)
    t.match(await ask('/tts_to_audio', { text: 'a' }), { detail: message })
    const picture = await fetch(`${gateway.url}/sdapi/v1/txt2img`, { method: 'POST', body: '{}' })
    t.equal(picture.status, 200)
    const heard = await fetch(`${gateway.url}/api/extra/transcribe`, { method: 'POST', body: '{}' })
    t.same(await heard.json(), { text: '' }, 'what was not heard may have been silence')
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
    t.match(metrics, /gatehouse_empty_answers_total\{backend="painter",workload="image"\} 11/)
    t.match(
      metrics,
      /requests_total\{backend="painter",workload="image",outcome="upstream_error"\} 11/,
    )
  },
)

t.test('a picture asked of a backend for text is a clear error', async (t) => {
  const gateway = await startGateway(t, {
    backends: { writer: sample('text') },
    routes: [{ path: '/*', to: 'backend:writer' }],
  })
  for (const path of ['/sdapi/v1/txt2img', '/sdapi/v1/upscale', '/v1/images/generations']) {
    const reply = await fetch(gateway.url + path, { method: 'POST', body: '{}' })
    t.equal(reply.status, 502, path)
    t.match(await reply.text(), 'GATEHOUSE_EMPTY_ANSWER')
  }
})

t.test('answers that are nearly empty pass as they came, byte for byte', async (t) => {
  const audio = 'HTTP/1.0 200 OK\r\ncontent-type: audio/wav\r\n'
  const answers: readonly (readonly [path: string, answer: string])[] = [
    ['/api/v1/generate', long(NO_TEXT.replace('error', 'length'))],
    ['/api/v1/generate', long(NO_TEXT, 'content-encoding: gzip\r\n')],
    ['/api/v1/generate', `${JSON_HEAD}\r\n${NO_TEXT}`],
    ['/api/v1/generate', long(NO_TEXT).replace('200 OK', '201 Made')],
    ['/api/v1/generate', long(NO_TEXT).replace('200 OK', '503 Busy')],
    ['/api/v1/generate', long(`${NO_TEXT.slice(0, -1)},"x":"${'x'.repeat(5000)}"}`)],
    ['/api/v1/generate', long(`${NO_TEXT.slice(0, -2)}`)],
    ['/api/v1/generate', long('')],
    ['/request', long('{"data": {"seqs": [""]}}')],
    ['/v1/responses', long('{"output":[]}')],
    ['/api/extra/generate/stream', SSE + NO_EVENT.replace('error', 'stop')],
    ['/api/extra/generate/stream', SSE + NO_EVENT.replace('""', '"a"')],
    ['/api/extra/generate/stream', SSE + NO_EVENT + NO_EVENT.replace('""', '"a"')],
    ['/api/extra/transcribe', long('{"text": ""}')],
    ['/sdapi/v1/txt2img', long('{"images": ["aGVsbG8="]}')],
    ['/v1/audio/speech', `${audio}content-length: 1\r\n\r\n\0`],
    ['/v1/audio/speech', `${audio}\r\n`],
    ['/v1/embeddings', long('{"data":[{"embedding":[0.5]}]}')],
  ]
  let says = ''
  const { port } = await startSaying(t, ({ socket }) => void socket.end(says, 'latin1'))
  for (const [path, answer] of answers) {
    says = answer
    const { reply } = await exchange(port, post(path, '{}', CLOSE))
    const [head = '', body] = answer.split('\r\n\r\n')
    t.equal(reply.body, body, `${path}: ${answer}`)
    t.equal(reply.status, Number(head.split(' ')[1]))
    for (const line of head.split('\r\n').slice(1)) {
      const [name = '', value] = line.split(': ')
      t.same(valuesOf(reply, name), [value])
    }
  }
})

t.test(
  'a stream passes from its first event on, and one that is late has its head in time',
  async (t) => {
    const first = NO_EVENT.replace('""', '"a"').replace('"error"', 'null')
    const { port } = await startSaying(t, async ({ socket }) => {
      socket.write(SSE)
      await client.sees('200 OK')
      t.notMatch(client.text(), 'event:', 'nothing has come that could be held longer')
      socket.write(first.slice(0, 20))
      await client.sees(first.slice(0, 20))
      socket.write(first.slice(20))
      await client.sees('"a"')
      socket.end(NO_EVENT)
    })
    const client = await rawClient(port)
    client.socket.write(post('/api/extra/generate/stream', '{}', CLOSE))
    t.equal(await client.over, 'end')
    t.match(client.text(), '"error"', 'what comes later is the end of a text that there is')
  },
)

t.test(
  'a first event in two pieces is judged once it is whole, and each later one leaves at once',
  async (t) => {
    const real = NO_EVENT.replace('""', '"a"').replace('"error"', 'null')
    const { port } = await startSaying(t, async ({ socket }) => {
      socket.write(SSE + real.slice(0, 30))
      socket.write(real.slice(30))
      await client.sees('"a"')
      socket.end(NO_EVENT.replace('error', 'stop'))
    })
    const client = await rawClient(port)
    client.socket.write(post('/api/extra/generate/stream', '{}', CLOSE))
    t.equal(await client.over, 'end')
    t.match(client.text(), '"stop"')
  },
)

t.test('an empty answer after heartbeats is told in the form that they left', async (t) => {
  const held: Received[] = []
  const { port, gateway } = await startSaying(t, (request) => void held.push(request), {
    listen: { heartbeatInterval: '20ms' },
    heartbeat: 'json',
  })
  const end = async (path: string, body: string, answer: string) => {
    const client = await rawClient(port)
    client.socket.write(post(path, body, CLOSE))
    await client.sees('200 OK')
    await until('it was asked', () => held.length > 0)
    held.pop()?.socket.end(answer)
    await client.over
    return client.text()
  }
  const noChunk = `data: {"choices":[{"index":0,"text":"","finish_reason":"error"}]}\n\ndata: [DONE]`
  t.match(await end('/v1/completions', '{"stream":true}', SSE + noChunk), /data: .*GATEHOUSE_EMPTY/)
  t.match(await end('/api/v1/generate', '{}', long(NO_TEXT)), /"code":"GATEHOUSE_EMPTY_ANSWER"/)
  t.match(await end('/api/v1/generate', '{}', long('{"a":1}')), /\{"a":1\}/)
  await until('they are logged', () => {
    const outcomes = gateway.logged.flatMap(({ outcome }) => outcome ?? [])
    return outcomes.join() === 'upstream_error,upstream_error,ok'
  })
})

t.test('a client that leaves while its answer is held ends its request', async (t) => {
  for (const onClientGone of ['cancel', 'finish']) {
    let answered: Received | undefined
    const { port, gateway } = await startSaying(
      t,
      (request) => {
        if (request.path.endsWith('/abort'))
          return void request.socket.end(long('{"success":"true"}'))
        request.socket.write(long(NO_TEXT).slice(0, -5))
        answered = request
      },
      { onClientGone },
    )
    const client = await rawClient(port)
    client.socket.write(post('/api/v1/generate', '{}'))
    await until('its answer is held', () => answered !== undefined)
    client.socket.resetAndDestroy()
    if (onClientGone === 'cancel') await answered?.closed
    else answered?.socket.end(NO_TEXT.slice(-5))
    await until('it is logged', () => gateway.logged.some(({ outcome }) => outcome !== undefined))
    t.equal(gateway.app.pool.statuses()[0]?.inFlight, 0)
  }
})

t.test('an answer that breaks off while it is held never began', async (t) => {
  const { port } = await startSaying(t, ({ socket }) => {
    socket.write(long(NO_TEXT).slice(0, -5), () => socket.destroy())
  })
  const { reply } = await exchange(port, post('/api/v1/generate', '{}', CLOSE))
  t.equal(reply.status, 502)
  t.match(reply.body, 'GATEHOUSE_UPSTREAM_FAILED')
})

t.test('an answer to HEAD has no body that could be missed', async (t) => {
  const { port } = await startSaying(t, ({ socket }) => void socket.end(long('')))
  const { reply } = await exchange(
    port,
    'HEAD /v1/audio/speech HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n',
  )
  t.equal(reply.status, 200)
})

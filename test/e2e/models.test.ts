import t, { type Test } from 'tap'
import { external, sample, startGateway } from '../helpers/gateway.js'
import { OFTEN, replyOf, STREAMS, type Stream, send } from '../helpers/patience.js'
import { exchange, get, post, valuesOf } from '../helpers/raw-client.js'
import { startProxied, startUpstream } from '../helpers/upstream.js'

const OK = 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}'

/** Two backends for text, one for pictures; each is called by its name, and answers with nothing else. */
async function startThree(t: Test) {
  const says = () => startUpstream(t, ({ socket }) => void socket.end(OK))
  const [small, large, eyes] = await Promise.all([says(), says(), says()])
  const gateway = await startGateway(t, {
    backends: {
      small: external(small.url, { models: ['tiny', 'gpt-3*'] }),
      large: external(large.url, { models: ['gpt-*', 'big'] }),
      eyes: external(eyes.url, { serves: ['image', 'transcribe'], models: ['big', 'whisper-1'] }),
    },
  })
  const answering = (reply: Response) => reply.headers.get('x-gatehouse-backend')
  return {
    gateway,
    ask: async (path: string, body: string | FormData) =>
      answering(await fetch(gateway.url + path, { method: 'POST', body })),
    json: async (path: string, body: object) =>
      answering(await fetch(gateway.url + path, { method: 'POST', body: JSON.stringify(body) })),
  }
}

t.test(
  'the model of a request chooses the backend, and a header says which answered',
  async (t) => {
    const { json } = await startThree(t)
    const chat = (model?: string) => json('/v1/chat/completions', { messages: [], model })
    t.equal(await chat(), 'small')
    t.equal(await chat('large'), 'large')
    t.equal(await chat('big'), 'large')
    t.equal(await chat('gpt-4o-mini'), 'large')
    t.equal(await chat('gpt-3.5-turbo'), 'small')
    t.equal(await chat('koboldcpp/large'), 'large')
    t.equal(await json('/api/chat', { model: 'big:latest' }), 'large')
    t.equal(
      await json('/v1/messages', { model: 'claude-opus-4' }),
      'small',
      'unknown names never fail',
    )
    t.equal(await json('/api/v1/generate', { model: 'large' }), 'large')
    t.equal(await json('/sdapi/v1/txt2img', { model: 'large' }), 'eyes')
  },
)

t.test('the model is found in a form and behind the question mark, too', async (t) => {
  const { gateway, ask } = await startThree(t)
  const form = new FormData()
  form.set('file', new Blob(['RIFF']), 'a.wav')
  form.set('model', 'whisper-1')
  t.equal(await ask('/v1/audio/transcriptions', form), 'eyes')
  form.set('model', 'large')
  t.equal(await ask('/v1/completions', form), 'large')
  t.equal(await ask('/v1/completions?model=large', '{}'), 'large')
  t.equal(await ask('/v1/completions?model=large', '{"model":"small"}'), 'small')
  const reply = await fetch(`${gateway.url}/api/extra/preloadstory?model=big`)
  t.equal(reply.headers.get('x-gatehouse-backend'), 'large')
})

t.test(
  "a backend's own line of that name is not passed on, and its CORS lines are as it wrote them",
  async (t) => {
    const cors = 'access-control-allow-origin: *\r\n'
    const { port } = await startProxied(t, ({ socket }) => {
      socket.end(
        `HTTP/1.0 200 OK\r\n${cors}X-Gatehouse-Backend: other\r\ncontent-length: 0\r\n\r\n`,
      )
    })
    const { reply } = await exchange(port, post('/x', '', ['Connection: close']))
    t.same(valuesOf(reply, 'x-gatehouse-backend'), ['web'])
    t.same(valuesOf(reply, 'access-control-allow-origin'), ['*'])
    t.same(valuesOf(reply, 'access-control-expose-headers'), [])
    const door = await exchange(port, get('/gatehouse/backends/web/x', ['Connection: close']))
    t.same(valuesOf(door.reply, 'x-gatehouse-backend'), ['web'])
  },
)

t.test('pages may read who answered wherever the gateway itself writes the head', async (t) => {
  const { gateway } = await startProxied(t, () => {}, OFTEN)
  const client = await send(t, gateway, STREAMS[0] as Stream)
  await client.sees(': waiting')
  t.same(valuesOf(replyOf(client), 'x-gatehouse-backend'), ['web'])
  t.match(valuesOf(replyOf(client), 'access-control-expose-headers'), [/X-Gatehouse-Backend/])
  const missing = await fetch(`${gateway.url}/gatehouse/nothing`)
  t.match(missing.headers.get('access-control-expose-headers'), /X-Gatehouse-Backend/)
  t.equal(missing.headers.get('x-gatehouse-backend'), null, 'nobody answered')
})

t.test('only the backend that is asked for is started', async (t) => {
  const gateway = await startGateway(t, {
    backends: { small: sample('text'), large: { ...sample('text'), models: ['gpt-*'] } },
  })
  const reply = await fetch(`${gateway.url}/v1/completions`, {
    method: 'POST',
    body: '{"model":"gpt-4o","max_tokens":1}',
  })
  t.equal(reply.status, 200)
  t.equal(reply.headers.get('x-gatehouse-backend'), 'large')
  t.same([...new Set(gateway.moves.map(({ backend }) => backend))], ['large'])
})

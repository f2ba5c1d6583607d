import t from 'tap'
import { bearer, clientAt, formWith, openAiEvents } from '../helpers/clients.js'
import { external, startGateway } from '../helpers/gateway.js'
import { type Asked, startOther } from '../helpers/other-server.js'
import { until } from '../helpers/until.js'
import { wav } from '../helpers/wav.js'

/** They wait more than they work. */
t.jobs = 4

const MODEL = 'qwen3-8b.gguf'
const choice = (more: object) => ({ index: 0, finish_reason: 'stop', ...more })
const events = (...said: object[]) =>
  [...said.map((each) => JSON.stringify(each)), '[DONE]']
    .map((data) => `data: ${data}\n\n`)
    .join('')
const streams = (asked: Asked) => asked.json<{ stream?: boolean }>().stream === true

/** What llama.cpp's `llama-server` answers; it has none of KoboldAI's calls. */
const LLAMA = {
  'GET /health': { status: 'ok' },
  'GET /v1/models': {
    object: 'list',
    data: [{ id: MODEL, object: 'model', owned_by: 'llamacpp' }],
  },
  'GET /props': {
    default_generation_settings: { n_ctx: 16384 },
    ...{ total_slots: 4, model_path: `/srv/models/${MODEL}`, chat_template: '{{ messages }}' },
    ...{ modalities: { vision: true, audio: false } },
  },
  'POST /v1/completions': (asked: Asked) =>
    streams(asked)
      ? events({ choices: [choice({ text: 'Hello' })] })
      : { object: 'text_completion', choices: [choice({ text: 'Hello' })] },
  'POST /v1/chat/completions': (asked: Asked) =>
    streams(asked)
      ? events({ choices: [choice({ delta: { content: 'Hello' } })] })
      : { choices: [choice({ message: { role: 'assistant', content: 'Hello' } })] },
  'POST /v1/messages': { type: 'message', content: [{ type: 'text', text: 'Hello' }] },
  'POST /v1/embeddings': { data: [{ index: 0, embedding: [0.5, 0.25] }], model: MODEL },
}

/** What whisper.cpp's server answers, started with `--inference-path` or without. */
const WHISPER = {
  'GET /health': { status: 'ok' },
  'POST /inference': { text: ' Hello.' },
  'POST /v1/audio/transcriptions': { text: ' Hello.' },
}

async function stage(t: Test, llama: object = LLAMA) {
  const [llm, ears] = await Promise.all([startOther(t, { ...llama }), startOther(t, WHISPER)])
  const openai = { dialect: 'openai', bodies: 'buffer' }
  const gateway = await startGateway(t, {
    backends: {
      llm: external(llm.url, { ...openai, serves: ['text', 'embeddings'] }),
      ears: external(ears.url, { ...openai, serves: ['transcribe'] }),
    },
  })
  // Whatever somebody else runs is asked in the background once somebody looks.
  await clientAt(gateway.url).get('/api/extra/version')
  const isKnown = async () =>
    (await clientAt(gateway.url).get('/props')).text.includes('qwen3') || llama !== LLAMA
  await until('it is known', isKnown)
  return { gateway, llm, ears, user: clientAt(gateway.url, bearer('')) }
}
type Test = Parameters<typeof startGateway>[0]

t.test('llama.cpp is shown as a KoboldCpp with what it has', async (t) => {
  const { user } = await stage(t)
  t.match((await user.get('/api/extra/version')).json(), {
    ...{ result: 'KoboldCpp', llm: true, vision: true, audio: false, txt2img: false },
    ...{ transcribe: true, embeddings: true, tts: false },
  })
  t.match((await user.get('/api/extra/true_max_context_length')).json(), { value: 16384 })
  t.match((await user.get('/props')).json(), { chat_template: '{{ messages }}', model_path: MODEL })
  t.match((await user.get('/v1/models')).json(), { data: [{ id: /llm|qwen3/ }] })
})

t.test('SillyTavern, text completion, with llama.cpp behind', async (t) => {
  const { user, llm } = await stage(t)
  const asked = { prompt: 'It was', max_tokens: 4, stream: false }
  const whole = await user.post('/v1/completions', asked)
  t.match(whole.json(), { choices: [{ text: 'Hello' }] })
  const stream = await user.post('/v1/completions', { ...asked, stream: true })
  t.match(openAiEvents(stream.text), [{ choices: [{ text: 'Hello' }] }])
  const count = await user.post('/api/extra/tokencount', { prompt: 'one two' })
  t.ok(count.status >= 400, 'it has no such call, so that SillyTavern estimates')
  const bodies = llm.asked.flatMap((one) => (one.path === '/v1/completions' ? [one.json()] : []))
  t.same(bodies, [asked, { ...asked, stream: true }], 'as they were sent, without a key')
})

t.test('SillyTavern’s Stop, with llama.cpp behind, ends the text by hanging up', async (t) => {
  const { user, llm } = await stage(t, { ...LLAMA, 'POST /v1/completions': undefined })
  const reply = user.post('/v1/completions', { prompt: 'It was', stream: true })
  const isThere = () => llm.calls('POST').length === 1
  await until('it generates', isThere)
  t.same((await user.post('/api/extra/abort')).json(), { success: 'true', done: 'true' })
  await llm.asked.find(({ method }) => method === 'POST')?.closed
  t.match((await reply).text, /\[DONE\]\n\n$/, 'SillyTavern has an end, too')
})

t.test('Open WebUI and Anthropic’s clients, with llama.cpp behind', async (t) => {
  const { gateway, llm, user } = await stage(t)
  const webui = clientAt(`${gateway.url}/v1`, bearer('sk-any'))
  const { data } = (await webui.get('/models')).json<{ data: { id: string }[] }>()
  const messages = [{ role: 'user', content: 'Hi' }]
  const chat = { model: data[0]?.id, messages, stream: true }
  const stream = await webui.post('/chat/completions', chat)
  t.match(openAiEvents(stream.text), [{ choices: [{ delta: { content: 'Hello' } }] }])
  const vectors = await webui.post('/embeddings', { input: ['one'], model: 'any' })
  t.match(vectors.json(), { data: [{ embedding: [0.5, 0.25] }] })
  const anthropic = clientAt(gateway.url, { 'x-api-key': 'any', 'anthropic-version': '2023-06-01' })
  const message = await anthropic.post('/v1/messages', { model: 'any', messages, max_tokens: 9 })
  t.match(message.json(), { content: [{ text: 'Hello' }] })
  await user.post('/chat/completions', { messages })
  const paths = ['/v1/chat/completions', '/v1/embeddings', '/v1/messages', '/chat/completions']
  t.same(
    llm.calls('POST'),
    paths.map((path) => `POST ${path}`),
  )
})

t.test(
  'a call of KoboldAI’s that llama.cpp has not is answered at once, as an error',
  async (t) => {
    const { user, llm } = await stage(t)
    for (const path of ['/api/v1/generate', '/api/extra/generate/stream']) {
      const reply = await user.post(path, { prompt: 'It was', max_length: 4, genkey: 'KCPP1' })
      t.equal(reply.status, 404, path)
      t.ok(llm.calls('POST').includes(`POST ${path}`), 'it was asked, under its own path')
    }
  },
)

t.test('whisper.cpp gets the sound of all who send it as a form', async (t) => {
  const { gateway, ears } = await stage(t)
  const sound = () => formWith('file', wav({ seconds: 0.1, rate: 8000 }), { model: 'whisper-1' })
  const webui = clientAt(`${gateway.url}/v1`, bearer('sk-any'))
  t.match((await webui.post('/audio/transcriptions', sound())).json(), { text: ' Hello.' })
  const own = await clientAt(gateway.url).post('/inference', sound())
  t.match(own.json(), { text: ' Hello.' })
  t.same(ears.calls('POST'), ['POST /v1/audio/transcriptions', 'POST /inference'])
  for (const one of ears.asked.filter(({ method }) => method === 'POST')) {
    t.match(one.headers['content-type'], /^multipart\/form-data; boundary=/)
    t.match(one.body, /filename="file\.bin".*RIFF/s)
  }
})

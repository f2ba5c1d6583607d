import t from 'tap'
import { basic, bearer, clientAt, formWith, openAiEvents } from '../helpers/clients.js'
import { external, startGateway } from '../helpers/gateway.js'
import { type Asked, type Script, startOther } from '../helpers/other-server.js'
import { until } from '../helpers/until.js'
import { wav } from '../helpers/wav.js'

/** They wait more than they work. */
t.jobs = 4

const MESSAGES = [{ role: 'user', content: 'Hi' }]
const PNG = 'iVBORw0KGgo='

async function stage(t: Test, settings: { dialect: string; serves: string[] }, script: Script) {
  const other = await startOther(t, script)
  const backend = external(other.url, { bodies: 'buffer', ...settings })
  const gateway = await startGateway(t, { backends: { other: backend } })
  return { gateway, other, client: clientAt(gateway.url, bearer('sk-any')) }
}
type Test = Parameters<typeof startGateway>[0]

const OPENAI = { dialect: 'openai', serves: ['text'] }
const VLLM_MODEL = 'Qwen/Qwen3-8B'

/** vLLM and Ollama refuse a name that they do not know. */
const VLLM: Script = {
  'GET /health': {},
  'GET /v1/models': { object: 'list', data: [{ id: VLLM_MODEL, object: 'model' }] },
  'POST /v1/chat/completions': (asked: Asked) =>
    asked.json<{ model: string }>().model === VLLM_MODEL
      ? { choices: [{ message: { role: 'assistant', content: 'Hello' } }] }
      : { error: { message: 'The model does not exist.', code: 404 } },
}

t.test('vLLM behind: a program that names its model has an answer', async (t) => {
  const { client } = await stage(t, OPENAI, VLLM)
  const chat = { model: VLLM_MODEL, messages: MESSAGES }
  const reply = await client.post('/v1/chat/completions', chat)
  t.match(reply.json(), { choices: [{ message: { content: 'Hello' } }] })
})

t.test('vLLM behind: a program that takes the first name of the list has an answer', async (t) => {
  const { client, other } = await stage(t, OPENAI, VLLM)
  await client.get('/v1/models') // so that somebody looks
  await until('its model is known', () => other.looked.includes('/props'))
  const { data } = (await client.get('/v1/models')).json<{ data: [{ id: string }] }>()
  const chat = { model: data[0].id, messages: MESSAGES }
  const reply = await client.post('/v1/chat/completions', chat)
  t.match(reply.json(), { choices: [{ message: { content: 'Hello' } }] })
})

t.test('a voice of OpenAI’s kind speaks for Open WebUI, SillyTavern and Amica', async (t) => {
  const voice = { dialect: 'openai', serves: ['speech'] }
  const { client, other } = await stage(t, voice, {
    'GET /health': {},
    'GET /v1/audio/voices': { voices: ['af_bella', 'bm_lewis'] },
    'POST /v1/audio/speech': Buffer.from('RIFF'),
  })
  await client.get('/speakers')
  const isKnown = async () => (await client.get('/speakers_list')).text.includes('af_bella')
  await until('its voices are known', isKnown)
  t.match((await client.get('/speakers')).json(), [{ name: 'af_bella', voice_id: 'af_bella' }])
  t.match((await client.get('/v1/audio/voices')).json(), { voices: ['af_bella', 'bm_lewis'] })
  const wish = { input: 'Hello', voice: 'af_bella', model: 'tts-1' }
  t.equal((await client.post('/v1/audio/speech', wish)).text, 'RIFF')
  t.same(other.asked.at(-1)?.json(), wish)
  const xtts = { text: 'Hello', speaker_wav: 'af_bella', language: 'en' }
  t.equal((await client.post('/tts_to_audio/', xtts)).status, 404, 'it has no call of XTTS’s')
})

t.test('a server of unknown kind is sent all text as it came', async (t) => {
  const event = JSON.stringify({
    choices: [{ delta: { content: 'Hello' }, finish_reason: 'stop' }],
  })
  const { client, other } = await stage(
    t,
    { dialect: 'generic', serves: ['text'] },
    {
      'GET /': {},
      'GET /api/v1/model': { result: 'koboldcpp/their-own' },
      'POST /v1/chat/completions': `data: ${event}\n\ndata: [DONE]\n\n`,
      'POST /v1/completions': { choices: [{ text: 'Hello' }] },
      'POST /api/v1/generate': { results: [{ text: 'Hello' }] },
      'POST /api/chat': { message: { content: 'Hello' }, done: true },
    },
  )
  const chat = { model: 'theirs', messages: MESSAGES, stream: true }
  const stream = await client.post('/v1/chat/completions', chat)
  t.match(openAiEvents(stream.text), [{ choices: [{ delta: { content: 'Hello' } }] }])
  const kobold = { prompt: 'It was', max_length: 4 }
  t.match((await client.post('/api/v1/generate', kobold)).json(), { results: [{ text: 'Hello' }] })
  t.match((await client.post('/api/chat', chat)).json(), { message: { content: 'Hello' } })
  t.match((await client.post('/v1/completions', kobold)).json(), { choices: [{ text: 'Hello' }] })
  const bodies = other.asked.filter(({ method }) => method === 'POST').map((one) => one.json())
  t.same(bodies, [chat, kobold, chat, kobold])
  t.match((await client.get('/api/v1/model')).json(), { result: 'koboldcpp/their-own' })
})

t.test('a server of unknown kind draws over A1111, and tells its own lists', async (t) => {
  const { gateway, other } = await stage(
    t,
    { dialect: 'generic', serves: ['image'] },
    {
      'GET /': {},
      'GET /sdapi/v1/sd-models': [
        { title: 'theirs', model_name: 'theirs', filename: '/x/theirs.gguf' },
      ],
      'GET /sdapi/v1/options': { sd_model_checkpoint: 'theirs' },
      'GET /sdapi/v1/progress': { progress: 0.5, state: { job_count: 1 } },
      'POST /sdapi/v1/txt2img': { images: [PNG] },
    },
  )
  const tavern = clientAt(gateway.url, basic())
  t.match((await tavern.post('/sdapi/v1/txt2img', { prompt: 'a fox' })).json(), { images: [PNG] })
  t.match((await tavern.get('/sdapi/v1/sd-models')).json(), [{ filename: 'theirs.gguf' }])
  t.match((await tavern.get('/sdapi/v1/options')).json(), { sd_model_checkpoint: 'theirs' })
  t.match((await tavern.get('/sdapi/v1/progress')).json(), { progress: 0.5 })
  t.equal(other.asked.find(({ method }) => method === 'POST')?.headers.authorization, 'Basic')
})

t.test('a server of OpenAI’s kind draws for Open WebUI', async (t) => {
  const draws = { dialect: 'openai', serves: ['image'] }
  const { client, other } = await stage(t, draws, {
    'GET /health': {},
    'POST /v1/images/generations': { data: [{ b64_json: PNG }] },
  })
  const wish = { model: 'dall-e-2', prompt: 'a red fox', n: 1, size: '64x64' }
  t.match((await client.post('/v1/images/generations', wish)).json(), { data: [{ b64_json: PNG }] })
  t.same(other.asked[0]?.json(), wish)
  t.equal((await client.post('/sdapi/v1/txt2img', wish)).status, 404, 'it has no call of A1111’s')
})

t.test('a server of unknown kind hears and speaks as it is asked', async (t) => {
  const sounds = { dialect: 'generic', serves: ['transcribe', 'speech'] }
  const { client, other } = await stage(t, sounds, {
    'GET /': {},
    'POST /v1/audio/transcriptions': { text: ' Hello.' },
    'POST /v1/audio/speech': Buffer.from('RIFF'),
    'POST /tts_to_audio/': Buffer.from('RIFF'),
  })
  const sound = formWith('file', wav({ seconds: 0.1, rate: 8000 }), { model: 'whisper-1' })
  t.match((await client.post('/v1/audio/transcriptions', sound)).json(), { text: ' Hello.' })
  t.match(other.asked[0]?.body, 'RIFF')
  t.equal((await client.post('/v1/audio/speech', { input: 'Hello' })).text, 'RIFF')
  t.equal((await client.post('/tts_to_audio/', { text: 'Hello' })).text, 'RIFF')
})

import t from 'tap'
import {
  bearer,
  type Client,
  clientAt,
  koboldEvents,
  openAiEvents,
  startedBy,
} from '../helpers/clients.js'
import { type Gateway, sample, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/until.js'
import { wav } from '../helpers/wav.js'

/** They wait more than they work. */
t.jobs = 3

/** All that a KoboldCpp with every model has, one backend each. */
const ALL = {
  llm: sample('text', ['--name', 'own-name']),
  art: sample('image', ['--image-time', '20']),
  ears: sample('transcribe'),
  voice: sample('speech'),
  vectors: sample('embeddings'),
}

/** Without the key that the user may not have set; it sends the line all the same. */
const asServer = (url: string) => clientAt(url, bearer(''))
const SLOW = ['--token-interval', '20']
const LONG = { prompt: 'Alice was beginning', max_tokens: 400, max_length: 400 }

interface Choice {
  readonly text: string
  readonly finish_reason: string | null
}
interface Completion {
  readonly choices: readonly [Choice]
}

t.test('SillyTavern, text completion: it connects, counts, generates and streams', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const tavern = asServer(gateway.url)
  const models = await tavern.get('/v1/models')
  t.match(models.json(), { data: [{ id: /^koboldcpp\// }] }, 'the name that it shows')
  const props = (await tavern.get('/props')).json<{ chat_template: unknown }>()
  t.type(props.chat_template, 'string', 'it fails on a template that is none')
  const count = () => tavern.post('/api/extra/tokencount', { prompt: 'one two three' })
  t.equal((await count()).status, 503, 'it estimates then')
  t.same(gateway.moves, [], 'connecting and counting starts nothing')

  const body = { prompt: 'It was', max_tokens: 8, max_new_tokens: 8, stream: false, model: '' }
  const whole = (await tavern.post('/v1/completions', body)).json<Completion>()
  t.match(whole.choices[0].text, /\w/)
  t.same(startedBy(gateway), ['llm'], 'only what makes text was started for it')
  t.match((await count()).json(), { value: 3 })
  const stream = await tavern.post('/v1/completions', { ...body, stream: true })
  t.match(stream.headers.get('content-type'), 'text/event-stream')
  const texts = openAiEvents<Completion>(stream.text).map(({ choices }) => choices[0].text)
  t.match(texts.join(''), /\w/)
  t.ok(texts.length > 4, 'word by word')
  t.same(startedBy(gateway), ['llm'])
})

/** What its Stop button does: an abort with no body, and then it leaves. */
async function stop(t: Test, tavern: Client, leave: AbortController): Promise<void> {
  const aborted = await tavern.post('/api/extra/abort')
  t.same(aborted.json(), { success: 'true', done: 'true' })
  leave.abort()
}
type Test = Parameters<typeof startGateway>[0]

const isFree = ({ app }: Gateway) =>
  app.pool.statuses().every(({ inFlight, waiting }) => inFlight + waiting === 0)

t.test('SillyTavern, text completion: Stop ends the text, streamed or not, at once', async (t) => {
  const gateway = await startGateway(t, { backends: { llm: sample('text', SLOW) } })
  const tavern = asServer(gateway.url)
  for (const stream of [true, false]) {
    const leave = new AbortController()
    const reply = tavern.open('/v1/completions', { ...LONG, stream }, leave.signal)
    reply.catch(() => {}) // it leaves
    await until('it generates', () => gateway.app.pool.statuses()[0]?.inFlight === 1)
    if (stream) await (await reply).body?.getReader().read()
    const begun = performance.now()
    await stop(t, tavern, leave)
    await until('the backend is free', () => isFree(gateway))
    t.ok(performance.now() - begun < 5_000, 'long before the text would have ended')
  }
  const next = await tavern.post('/v1/completions', { prompt: 'It was', max_tokens: 2 })
  t.match(next.json<Completion>().choices[0].text, /\w/, 'and the next one is not harmed')
})

t.test('SillyTavern, text completion: Stop works while the model is loading', async (t) => {
  const slow = sample('text', ['--load-time', '1200'])
  const gateway = await startGateway(t, { backends: { llm: slow } })
  const tavern = asServer(gateway.url)
  const reply = tavern.post('/v1/completions', { ...LONG, stream: true })
  await until('it is loading', () => startedBy(gateway).length === 1)
  await stop(t, tavern, new AbortController())
  const events = openAiEvents<Completion>((await reply).text)
  t.same(
    events.map(({ choices }) => choices[0].text),
    [''],
  )
  t.ok(isFree(gateway), 'nothing of it waits any more')
})

t.test('SillyTavern, KoboldAI Classic: it connects, generates, streams and aborts', async (t) => {
  const gateway = await startGateway(t, { backends: { ...ALL, llm: sample('text', SLOW) } })
  const tavern = clientAt(`${gateway.url}/api`)
  const [united, extra, model] = await Promise.all([
    tavern.get('/v1/info/version'),
    tavern.get('/extra/version'),
    tavern.get('/v1/model'),
  ])
  t.match(united.json(), { result: /^1\.2\./ }, 'stop sequences from 1.2.2 on')
  t.match(extra.json(), { result: 'KoboldCpp', version: /^1\.\d+/ }, 'streaming from 1.30 on')
  t.match(model.json(), { result: 'koboldcpp/llm' })
  t.same(gateway.moves, [])
  const whole = await tavern.post('/v1/generate', { prompt: 'It was', max_length: 2 })
  t.match(whole.json(), { results: [{ text: /\w/ }] })
  t.same(startedBy(gateway), ['llm'])
  const streaming = tavern.post('/extra/generate/stream', LONG)
  await until('it generates', () => gateway.app.pool.statuses()[0]?.inFlight === 1)
  t.match((await tavern.post('/extra/abort')).json(), { success: 'true' })
  const events = koboldEvents((await streaming).text)
  t.type(events.at(-1)?.finish_reason, 'string', 'it ends with a reason')
  t.ok(events.length < 300, 'long before its 400 tokens')
})

t.test('SillyTavern, speech recognition and vectors: JSON that is called text', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const tavern = asServer(gateway.url)
  const sound = wav({ seconds: 0.5, rate: 8000 }).toString('base64')
  const speech = JSON.stringify({ prompt: '', audio_data: sound })
  const heard = await tavern.post('/api/extra/transcribe', speech)
  t.match(heard.json(), { text: /0\.50 seconds/ })
  t.same(startedBy(gateway), ['ears'])
  const input = JSON.stringify({ input: ['one', 'two'] })
  const { data, model } = (await tavern.post('/api/extra/embeddings', input)).json<Vectors>()
  t.same(
    data.map(({ index }) => index),
    [0, 1],
  )
  t.ok(data.every(({ embedding }) => embedding.length > 1))
  t.type(model, 'string')
  t.same(startedBy(gateway), ['ears', 'vectors'])
})

interface Vectors {
  readonly data: readonly { readonly index: number; readonly embedding: readonly number[] }[]
  readonly model: string
}

t.test('SillyTavern, XTTS from the browser and speech from the server', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const browser = clientAt(gateway.url, {
    origin: 'http://127.0.0.1:8000',
    'cache-control': 'no-cache',
  })
  const asked = 'authorization, cache-control, content-type'
  const preflight = await clientAt(gateway.url, {
    origin: 'http://127.0.0.1:8000',
    'access-control-request-method': 'POST',
    'access-control-request-headers': asked,
  }).call('OPTIONS', '/tts_to_audio/')
  t.equal(preflight.status, 200)
  for (const line of asked.split(', ')) {
    t.match(preflight.headers.get('access-control-allow-headers')?.toLowerCase(), line)
  }
  const voices = (await browser.get('/speakers')).json<{ name: string; voice_id: string }[]>()
  t.match(voices[0], { name: 'kobo', voice_id: 'kobo' })
  const settings = { stream_chunk_size: 100, temperature: 0.75, speed: 1 }
  const set = await browser.post('/set_tts_settings', settings)
  t.same(gateway.moves, [], 'choosing a voice starts nothing')
  t.equal(set.status, 200, 'KoboldCpp takes its settings, too, and does nothing with them')
  const spoken = { text: 'Hello there', speaker_wav: voices[0]?.voice_id, language: 'en' }
  const wave = await browser.post('/tts_to_audio/', spoken)
  t.equal(wave.bytes.toString('latin1', 0, 4), 'RIFF')
  t.equal(wave.headers.get('access-control-allow-origin'), '*')
  const again = { input: 'Hello there', voice: 'kobo', model: 'tts-1', response_format: 'wav' }
  const served = await asServer(gateway.url).post('/v1/audio/speech', again)
  t.match(served.headers.get('content-type'), /^audio\//)
  t.equal(served.bytes.toString('latin1', 0, 4), 'RIFF')
  t.same(startedBy(gateway), ['voice'])
})

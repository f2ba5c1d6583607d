import t from 'tap'
import { bearer, clientAt, formWith, koboldEvents, shows, startedBy } from '../helpers/clients.js'
import { sample, startGateway } from '../helpers/gateway.js'
import { wav } from '../helpers/wav.js'

/** They wait more than they work. */
t.jobs = 3

const ALL = {
  llm: sample('text', ['--name', 'own-name']),
  art: sample('image', ['--name', 'own-art', '--image-time', '20']),
  ears: sample('transcribe'),
  voice: sample('speech'),
}

interface Results {
  readonly results: readonly [{ readonly text: string }]
}
interface Drawn {
  readonly images: readonly [string]
}

t.test('RisuAI: a text in one piece and a picture, from a page of another origin', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const risu = clientAt(gateway.url, { origin: 'https://risuai.xyz' })
  const asked = { prompt: 'It was', max_length: 4, max_context_length: 4000, n: 1 }
  const text = await risu.post('/api/v1/generate', asked)
  t.match(text.json<Results>().results[0].text, /\w/)
  t.equal(text.headers.get('access-control-allow-origin'), '*')
  t.same(startedBy(gateway), ['llm'])
  const wish = { width: 64, height: 64, seed: -1, steps: 4, cfg_scale: 7, prompt: 'a red fox' }
  const picture = await risu.post('/sdapi/v1/txt2img', { ...wish, negative_prompt: '' })
  t.ok(shows(picture.json<Drawn>().images[0], 'a red fox'))
  t.equal(picture.headers.get('access-control-allow-origin'), '*')
  t.same(startedBy(gateway), ['llm', 'art'])
})

/** Amica reads line by line, and takes every line that begins with `data:`. */
const tokensByLine = (text: string) =>
  text
    .split('\n')
    .flatMap((line) => (line.startsWith('data:') ? [JSON.parse(line.slice(5))] : []))
    .map(({ token }) => String(token))

t.test('Amica: streamed and whole text, its ears and its voice', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const amica = clientAt(gateway.url, { ...bearer('default'), origin: 'https://amica.arbius.ai' })
  const asked = { prompt: 'It was', max_length: 4, stop_sequence: ['User:'] }
  const stream = await amica.post('/api/extra/generate/stream', asked)
  t.match(tokensByLine(stream.text).join(''), /\w/)
  const whole = await amica.post('/api/v1/generate', asked)
  t.match(whole.json<Results>().results[0].text, /\w/)
  t.same(startedBy(gateway), ['llm'])
  const sound = formWith('file', wav({ seconds: 0.5, rate: 8000 }), { model: 'whisper-1' })
  t.match((await amica.post('/v1/audio/transcriptions', sound)).json(), { text: /0\.50 seconds/ })
  const spoken = { input: 'Hello', voice: 'nova', model: 'tts-1' }
  const wave = await amica.post('/v1/audio/speech', spoken)
  t.equal(wave.bytes.toString('latin1', 0, 4), 'RIFF')
  t.same(startedBy(gateway), ['llm', 'ears', 'voice'])
})

t.test('Agnai: it verifies, generates, streams and draws', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const agnai = clientAt(gateway.url, { 'bypass-tunnel-reminder': 'true' })
  t.match((await agnai.get('/api/v1/model')).json(), { result: 'koboldcpp/llm' })
  const version = (await agnai.get('/api/extra/version')).json()
  t.match(version, { result: 'KoboldCpp', version: /^1\.\d+/ })
  t.same(gateway.moves, [], 'verifying starts nothing')
  const asked = { prompt: 'It was', max_length: 4, stop_sequence: ['User:'] }
  const events = koboldEvents((await agnai.post('/api/extra/generate/stream', asked)).text)
  t.match(events.map(({ token }) => token).join(''), /\w/)
  const whole = await agnai.post('/api/v1/generate', asked)
  t.match(whole.json<Results>().results[0].text, /\w/)
  t.same(startedBy(gateway), ['llm'])
  const wish = { prompt: 'a red fox', width: 64, height: 64, steps: 4, sampler_name: 'Euler' }
  const { images } = (await agnai.post('/sdapi/v1/txt2img', wish)).json<Drawn>()
  t.ok(shows(images[0], 'a red fox'))
  t.same(startedBy(gateway), ['llm', 'art'])
})

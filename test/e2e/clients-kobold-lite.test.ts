import t from 'tap'
import {
  bearer,
  type Client,
  clientAt,
  koboldEvents,
  shows,
  startedBy,
} from '../helpers/clients.js'
import { sample, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/until.js'
import { wav } from '../helpers/wav.js'

/** They wait more than they work. */
t.jobs = 3

const ALL = {
  llm: sample('text', ['--name', 'own-name', '--token-interval', '10']),
  art: sample('image', ['--name', 'own-art', '--image-time', '20']),
  ears: sample('transcribe'),
  voice: sample('speech'),
  vectors: sample('embeddings'),
}

interface Version {
  readonly result: string
  readonly version: string
  readonly [flag: string]: unknown
}
interface SdModel {
  readonly filename: string | null
  readonly model_name: string
}

/** Calls of its start in their order; those of one line go out together, the next line waits for them. */
const START = [
  ['/api/v1/model'],
  ['/api/v1/info/version', '/api/v1/config/max_context_length', '/api/extra/version'],
  ['/api/extra/true_max_context_length', '/api/extra/preloadstory', '/sdapi/v1/sd-models'],
]

/** KoboldCpp has it at the root only, and Lite goes on without. */
const MAY_FAIL = '/api/extra/preloadstory'

/** From which version on it believes in which flag. */
const SINCE: Readonly<Record<string, number>> = {
  transcribe: 1.66,
  tts: 1.81,
  vision: 1.61,
  audio: 1.61,
  embeddings: 1.84,
  savedata: 1.84,
  mcp: 1.105,
  music: 1.108,
  multiplayer: 1.78,
  websearch: 1.78,
}

/** Connects as Lite does at page load, and decides as it does what to show. */
async function load(t: Test, lite: Client) {
  const said = new Map<string, unknown>()
  for (const group of START) {
    const replies = await Promise.all(group.map((path) => lite.get(path)))
    for (const [at, reply] of replies.entries()) {
      const path = group[at] ?? ''
      if (path !== MAY_FAIL) t.equal(reply.status, 200, path)
      said.set(path, reply.json())
    }
  }
  const version = said.get('/api/extra/version') as Version
  const models = said.get('/sdapi/v1/sd-models') as readonly SdModel[]
  const draws = models.some((each) => each.filename !== null && each.model_name !== 'inactive')
  const lists = draws ? ['/sdapi/v1/sd-models', '/sdapi/v1/options'] : []
  for (const path of lists) t.equal((await lite.get(path)).status, 200, path)
  const { result: model } = said.get('/api/v1/model') as { result: string }
  const context = said.get('/api/extra/true_max_context_length') as { value: number }
  return { model, context: context.value, draws, ...buttons(version) }
}
type Test = Parameters<typeof startGateway>[0]

/** What version and flags switch on. */
function buttons(version: Version) {
  const flags = Object.entries(SINCE).filter(
    ([flag, since]) => version[flag] === true && isFrom(version.version, since),
  )
  return {
    buttons: flags.map(([flag]) => flag).sort(),
    stops: isFrom(version.version, 1.3),
    streams: version.result === 'KoboldCpp' && isFrom(version.version, 1.4),
    asksForPassword: version.protected === true,
    admin: version.admin,
  }
}

/** 1.105 is newer than 1.84: the parts count, not the fraction. */
function isFrom(version: string, since: number): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const least = Number(String(since).split('.')[1]?.padEnd(2, '0'))
  return major > 1 || minor >= least
}

t.test('KoboldAI Lite shows the same as at one KoboldCpp with all models', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const everything = 'text,image,transcribe,speech,embeddings'
  const one = sample('text', ['--model', everything, '--name', 'llm'])
  const { one: alone } = await startGateway(t, { backends: { one } }).then(async (other) => {
    await clientAt(other.url).post('/api/v1/generate', { prompt: 'a', max_length: 1 })
    return { one: other.app.pool.get('one')?.readyUrl ?? '' }
  })
  const atOne = await load(t, clientAt(alone))
  const here = await load(t, clientAt(gateway.url))
  t.same({ ...here, context: 0 }, { ...atOne, context: 0 }, 'though nothing runs here')
  t.match(here, {
    ...{ model: 'koboldcpp/llm', draws: true, streams: true, stops: true, admin: 0 },
    ...{ buttons: ['embeddings', 'transcribe', 'tts'], asksForPassword: false },
  })
  t.ok(here.context > 0)
  t.equal((await clientAt(gateway.url).get('/manifest.json')).status, 200, 'to be installed')
  t.equal((await clientAt(gateway.url).get('/api/extra/preloadstory')).status, 200)
  t.same(gateway.moves, [], 'and nothing was started')
})

t.test('KoboldAI Lite under a sub-path finds its calls there', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const here = await load(t, clientAt(gateway.url))
  const below = await load(t, clientAt(`${gateway.url}/lite/any`))
  t.same(below, here)
  t.same(gateway.moves, [])
})

t.test('KoboldAI Lite streams a turn, and its Stop names the key', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const lite = clientAt(gateway.url, bearer('any'))
  const turn = {
    ...{ prompt: 'It was', max_length: 6, n: 1, genkey: 'KCPP7703', quiet: true },
    ...{ trim_stop: true, stop_sequence: ['\nUser:'] },
  }
  const whole = await lite.post('/api/extra/generate/stream', turn)
  t.match(whole.headers.get('content-type'), 'text/event-stream')
  const events = koboldEvents(whole.text)
  t.match(events.map(({ token }) => token).join(''), /\w/)
  t.type(events.at(-1)?.finish_reason, 'string')
  t.same(startedBy(gateway), ['llm'])

  const leave = new AbortController()
  const long = { ...turn, max_length: 500, genkey: 'KCPP7704' }
  const stream = await lite.open('/api/extra/generate/stream', long, leave.signal)
  const reader = stream.body?.getReader()
  await reader?.read()
  t.match((await lite.post('/api/extra/abort', { genkey: 'KCPP7704' })).json(), { success: 'true' })
  leave.abort()
  const isFree = () => gateway.app.pool.get('llm')?.status().inFlight === 0
  await until('its Stop has ended the text', isFree)
})

t.test('KoboldAI Lite without streams asks how far the text is, and stops it', async (t) => {
  const gateway = await startGateway(t, { backends: { llm: ALL.llm } })
  const lite = clientAt(gateway.url)
  const genkey = 'KCPP1234'
  const check = async () =>
    (await lite.post('/api/extra/generate/check', { genkey })).json<Results>().results[0].text
  t.equal(await check(), '', 'nothing yet')
  const whole = lite.post('/api/v1/generate', { prompt: 'It was', max_length: 500, genkey })
  await until('there is some text', async () => (await check()) !== '')
  const soFar = await check()
  t.match((await lite.post('/api/extra/abort', { genkey })).json(), { success: 'true' })
  const { text } = (await whole).json<Results>().results[0]
  t.ok(text.startsWith(soFar), 'it is the text that it was told of')
})

interface Results {
  readonly results: readonly [{ readonly text: string }]
}

t.test('KoboldAI Lite: picture, microphone, voice, chat, each from its own backend', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const lite = clientAt(gateway.url, bearer('any'))
  // It sends no key where A1111 has none.
  const picture = await clientAt(gateway.url).post('/sdapi/v1/txt2img', {
    ...{ prompt: 'a red fox', negative_prompt: '', width: 64, height: 64, steps: 4 },
    ...{ cfg_scale: 7, sampler_name: 'Euler', seed: -1, save_images: false },
  })
  t.ok(shows(picture.json<{ images: [string] }>().images[0], 'a red fox'))
  const sound = wav({ seconds: 0.5, rate: 8000 }).toString('base64')
  const speech = { audio_data: `data:audio/wav;base64,${sound}`, langcode: 'auto', prompt: '' }
  t.match((await lite.post('/api/extra/transcribe', speech)).json(), { text: /0\.50 seconds/ })
  t.ok((await lite.get('/speakers_list')).json<string[]>().includes('kobo'))
  const spoken = await lite.post('/api/extra/tts', { input: 'Hello', voice: 'kobo' })
  t.equal(spoken.bytes.toString('latin1', 0, 4), 'RIFF')
  const messages = [{ role: 'user', content: 'Hello' }]
  const chat = await lite.post('/v1/chat/completions', { messages, max_tokens: 3, genkey: 'K1' })
  t.match(chat.json(), { choices: [{ message: { content: /\w/ } }] })
  t.same(startedBy(gateway).sort(), ['art', 'ears', 'llm', 'voice'])
})

import { randomUUID } from 'node:crypto'
import t from 'tap'
import {
  basic,
  bearer,
  clientAt,
  formWith,
  type Lines,
  listenAt,
  openAiEvents,
  shows,
  startedBy,
  workflowOf,
} from '../helpers/clients.js'
import { sample, startGateway } from '../helpers/gateway.js'
import { wav } from '../helpers/wav.js'

/** They wait more than they work. */
t.jobs = 3

const ALL = {
  llm: sample('text', ['--name', 'own-name']),
  art: sample('image', ['--name', 'own-art', '--image-time', '50']),
  ears: sample('transcribe'),
  voice: sample('speech'),
  vectors: sample('embeddings'),
}
const USER = { 'x-openwebui-user-name': 'Ann', 'x-openwebui-user-id': '1' }
const MESSAGES = [{ role: 'user', content: 'Hello' }]

interface Chunk {
  readonly choices: readonly [{ readonly delta: { readonly content?: string } }]
}

t.test('Open WebUI over OpenAI: models, chat, and sound with their files', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const webui = clientAt(`${gateway.url}/v1`, { ...bearer('sk-any'), ...USER })
  const begun = performance.now()
  const models = (await webui.get('/models')).json<{ data: { id: string }[] }>().data
  t.ok(performance.now() - begun < 2_000, 'it waits 10 s for its list, and would show none')
  t.same(
    models.map(({ id }) => id),
    ['koboldcpp/llm'],
    'nothing that cannot chat is offered as a model to chat with',
  )
  t.same(gateway.moves, [])
  const chat = { model: models[0]?.id, messages: MESSAGES, max_tokens: 4 }
  const stream = await webui.post('/chat/completions', { ...chat, stream: true })
  const pieces = openAiEvents<Chunk>(stream.text).map(({ choices }) => choices[0].delta.content)
  t.match(pieces.join(''), /\w/)
  const title = await webui.post('/chat/completions', { ...chat, stream: false })
  t.match(title.json(), { choices: [{ message: { content: /\w/ } }] }, 'a title for it')
  t.same(startedBy(gateway), ['llm'])
  const sound = formWith('file', wav({ seconds: 0.5, rate: 8000 }), { model: 'whisper-1' })
  t.match((await webui.post('/audio/transcriptions', sound)).json(), { text: /0\.50 seconds/ })
  const spoken = await webui.post('/audio/speech', { input: 'Hi', model: 'tts-1', voice: 'alloy' })
  t.equal(spoken.bytes.toString('latin1', 0, 4), 'RIFF')
  const input = { input: ['one', 'two'], model: 'text-embedding-3-small' }
  const { data } = (await webui.post('/embeddings', input)).json<{ data: { embedding: [] }[] }>()
  t.ok(data.length === 2 && data.every(({ embedding }) => embedding.length > 1))
  t.same(startedBy(gateway), ['llm', 'ears', 'voice', 'vectors'])
})

interface Tags {
  readonly models: readonly [{ readonly model: string; readonly name: string }]
}

t.test('Open WebUI over Ollama: version, tags, ps, show and chat', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const webui = clientAt(gateway.url, USER)
  t.match((await webui.get('/api/version')).json(), { version: /^\d+\.\d+\.\d+$/ })
  const { models } = (await webui.get('/api/tags')).json<Tags>()
  const [{ model }] = models
  t.match((await webui.get('/api/ps')).json(), { models: [{ model }] })
  const shown = (await webui.post('/api/show', { model })).json<{ capabilities: string[] }>()
  t.ok(shown.capabilities.includes('completion'))
  t.same(gateway.moves, [])
  const asked = { model, messages: MESSAGES, options: { num_predict: 4 } }
  const stream = await webui.post('/api/chat', { ...asked, stream: true })
  const lines = stream.text.trim().split('\n').map(parse)
  t.match(lines.map(({ message }) => message.content).join(''), /\w/)
  t.match(lines.at(-1), { done: true })
  const whole = await webui.post('/api/chat', { ...asked, stream: false })
  t.match(whole.json(), { done: true, message: { content: /\w/ } })
  const generated = await webui.post('/api/generate', { model, prompt: 'Hi', stream: false })
  t.match(generated.json(), { done: true, response: /\w/ })
  t.same(startedBy(gateway), ['llm'])
})

const parse = (line: string) => JSON.parse(line) as { message: { content: string }; done: boolean }

t.test('Open WebUI, images over AUTOMATIC1111', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const webui = clientAt(gateway.url, basic('user:password'))
  const options = await webui.get('/sdapi/v1/options')
  const models = (await webui.get('/sdapi/v1/sd-models')).json<{ title: string }[]>()
  t.match(options.json(), { sd_model_checkpoint: models[0]?.title })
  const other = { ...options.json<object>(), sd_model_checkpoint: 'another-model' }
  t.equal((await webui.post('/sdapi/v1/options', other)).status, 200)
  t.same(gateway.moves, [])
  const asked = { prompt: 'a red fox', batch_size: 1, width: 64, height: 64 }
  const { images, info } = (await webui.post('/sdapi/v1/txt2img', asked)).json<A1111>()
  t.ok(shows(images[0], 'a red fox'))
  t.type(JSON.parse(info), 'object', 'it reads the seed from there')
  t.same(startedBy(gateway), ['art'])
})

interface A1111 {
  readonly images: readonly [string]
  readonly info: string
}

t.test('Open WebUI, images over OpenAI', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const webui = clientAt(`${gateway.url}/v1`, { ...bearer('sk-any'), ...USER })
  const asked = { model: 'dall-e-2', prompt: 'a red fox', n: 1, size: '64x64' }
  const reply = await webui.post('/images/generations', { ...asked, response_format: 'b64_json' })
  t.ok(shows(reply.json<{ data: [{ b64_json: string }] }>().data[0].b64_json, 'a red fox'))
  t.same(startedBy(gateway), ['art'])
})

interface Output {
  readonly outputs: Readonly<Record<string, { readonly images: readonly Lines[] }>>
}

t.test('Open WebUI, images over ComfyUI: told by its WebSocket, fetched by its id', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const webui = clientAt(gateway.url, bearer('any'))
  const clientId = randomUUID()
  t.equal((await webui.get('/object_info')).status, 200, 'what it verifies the address with')
  const news = await listenAt(`${gateway.url}/ws?clientId=${clientId}`, bearer('any'))
  t.same(gateway.moves, [], 'listening starts nothing')
  const asked = { prompt: workflowOf('a red fox'), client_id: clientId }
  const { prompt_id: id } = (await webui.post('/prompt', asked)).json<{ prompt_id: string }>()
  await news.hears(
    ({ type, data }) => type === 'executing' && data.node === null && data.prompt_id === id,
  )
  const { [id]: done } = (await webui.get(`/history/${id}`)).json<Record<string, Output>>()
  const [image] = Object.values(done?.outputs ?? {}).flatMap(({ images }) => images)
  const query = new URLSearchParams({ ...image })
  t.ok(shows((await webui.get(`/view?${query}`)).bytes, 'a red fox'))
  t.same(startedBy(gateway), ['art'])

  const start = formWith('image', Buffer.from('a picture'), { type: 'input' })
  const { name } = (await webui.post('/api/upload/image', start)).json<{ name: string }>()
  const edit = {
    ...workflowOf('a blue fox', ENCODED),
    '10': { class_type: 'LoadImage', inputs: { image: name } },
  }
  const next = await webui.post('/prompt', { prompt: edit, client_id: clientId })
  const { prompt_id: second } = next.json<{ prompt_id: string }>()
  await news.hears(({ type, data }) => type === 'executed' && data.prompt_id === second)
  t.ok(shows((await webui.get('/view')).bytes, 'a blue fox'), 'from the picture that it sent')
  news.close()
})

const ENCODED = { class_type: 'VAEEncode', inputs: { pixels: ['10', 0] } }

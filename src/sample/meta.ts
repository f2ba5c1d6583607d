import { type Handler, json } from './call.js'
import type { Engine } from './engine.js'

/** The KoboldCpp whose manners these are. */
export const KOBOLD_VERSION = '1.116.1'

/** KoboldCpp's default, which it also tells where no text model could use it. */
const DEFAULT_CONTEXT = 12_288
const TEXT_CONTEXT = 8192

/** All 19 fields of 1.116. */
export const version = json((engine) => ({
  result: 'KoboldCpp',
  version: KOBOLD_VERSION,
  protected: engine.options.password !== '',
  llm: engine.has('text'),
  txt2img: engine.has('image'),
  vision: false,
  audio: false,
  transcribe: engine.has('transcribe'),
  multiplayer: false,
  websearch: false,
  tts: engine.has('speech'),
  embeddings: engine.has('embeddings'),
  music: false,
  savedata: false,
  admin: 0,
  router: false,
  guidance: false,
  jinja: false,
  mcp: false,
}))

export const perf = json((engine) => engine.perf())

export const infoVersion = json(() => ({ result: '1.2.5' }))

export const maxLength = json(() => ({ value: 1024 }))

export const maxContextLength = json((engine) => ({ value: contextOf(engine) }))

export const preloadStory = json(() => ({}))

export const ollamaVersion = json(() => ({ version: '0.7.0' }))

export const ping = json(() => ({ status: 'healthy' }))

/** The model's name; a protected one is named to nobody without the key. */
export const modelName: Handler = async ({ request, reply, engine }) => {
  const { password } = engine.options
  const isShown = password === '' || request.headers.get('authorization') === `Bearer ${password}`
  await reply.json({ result: isShown ? engine.modelName : 'koboldcpp/protected-model' })
}

export const openAiModels = json((engine) => {
  const about = {
    object: 'model',
    created: 1,
    owned_by: 'koboldcpp',
    permission: [],
    root: 'koboldcpp',
  }
  return { object: 'list', data: [{ id: engine.modelName, ...about, status: { value: 'loaded' } }] }
})

export const ollamaTags = json((engine) => {
  const details = { format: 'gguf', family: 'koboldcpp', parameter_size: '1B' }
  return { models: [{ name: engine.modelName, model: engine.modelName, size: 1, details }] }
})

export const props = json((engine) => ({
  chat_template: engine.has('text') ? '{% for m in messages %}{{ m.content }}\n{% endfor %}' : null,
  id: 0,
  id_task: -1,
  total_slots: 1,
  model_path: `/srv/models/${engine.options.name}.gguf`,
  n_ctx: contextOf(engine),
  modalities: { vision: false, audio: false },
}))

export const page: Handler = async ({ reply, engine }) => {
  const text =
    `<!DOCTYPE html><title>Sample backend</title><h1>Gatehouse's sample backend</h1>` +
    `<p>It speaks KoboldCpp's protocol and has: ${[...engine.options.models].join(', ')}.</p>\n`
  await reply.text(text, 'text/html')
}

function contextOf(engine: Engine): number {
  return engine.has('text') ? TEXT_CONTEXT : DEFAULT_CONTEXT
}

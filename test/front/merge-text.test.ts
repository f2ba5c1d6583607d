import t from 'tap'
import { advisedContext, replyLength, trueContext } from '../../src/front/lengths.js'
import { model, models, ollamaShow, ollamaTags } from '../../src/front/models.js'
import { perf } from '../../src/front/perf.js'
import { props } from '../../src/front/props.js'
import { version } from '../../src/front/version.js'
import { factsOf, kobold } from './known.js'

const VERSION = '/api/extra/version'
const THREE = { llm: kobold('text'), art: kobold('image'), ears: kobold('transcribe') }
const FIELDS =
  'result version protected llm txt2img vision audio transcribe multiplayer websearch tts embeddings music savedata ' +
  'admin router guidance jinja mcp'

t.test('the version has every field of a KoboldCpp before any backend has run', async (t) => {
  const merged = version(factsOf(THREE))
  t.same(Object.keys(merged), FIELDS.split(' '))
  t.match(merged, { result: 'KoboldCpp', llm: true, txt2img: true, transcribe: true, tts: false })
})

t.test('what belongs to the text model is taken from its own instance only', async (t) => {
  const on = { vision: true, audio: true, jinja: true, guidance: true, savedata: true, mcp: true }
  const others = { art: { [VERSION]: { ...on, version: '1.90', llm: true, protected: true } } }
  const without = version(factsOf(THREE, others))
  t.match(without, { vision: false, audio: false, jinja: false, guidance: false, savedata: false })
  t.match(without, { mcp: true, version: '1.90', protected: false }, 'tools may be anybody’s')
  const text = { [VERSION]: { ...on, version: '1.110', router: true, admin: 2, newest: 7 } }
  const merged = version(factsOf(THREE, { ...others, llm: text }))
  t.match(merged, { vision: true, audio: true, jinja: true, guidance: true, savedata: true })
  t.match(merged, { version: '1.110', newest: 7, router: false, admin: 0 })
})

t.test('without a text backend the oldest of the others is what is spoken', async (t) => {
  const said = { a: { [VERSION]: { version: '1.116.1' } }, b: { [VERSION]: { version: '1.9' } } }
  const facts = factsOf({ a: kobold('image'), b: kobold('speech') }, said)
  t.match(version(facts), { version: '1.9', llm: false })
})

t.test('a text model that hears transcribes where there is no whisper', async (t) => {
  const said = { llm: { [VERSION]: { audio: true, transcribe: false } } }
  t.equal(version(factsOf({ llm: kobold('text') }, said)).transcribe, true)
  const props = { '/props': { modalities: { vision: true, audio: false } } }
  const other = factsOf({ llm: { ...kobold('text'), dialect: 'openai' } }, { llm: props })
  t.match(version(other), { vision: true, transcribe: false })
})

t.test('the model is called as its backend calls it, even if a password hides it', async (t) => {
  const name = (said: object) => model(factsOf(THREE, { llm: { ...said } })).result
  t.equal(name({}), 'koboldcpp/llm')
  t.equal(name({ '/api/v1/model': { result: 'koboldcpp/Own-7B' } }), 'koboldcpp/Own-7B')
  t.equal(name({ '/v1/models': { data: [{ id: 'koboldcpp/Own-7B' }] } }), 'koboldcpp/Own-7B')
  t.same(model(factsOf({ art: kobold('image') })), { result: 'inactive' })
})

t.test('models are listed by the names that choose them, the default one first', async (t) => {
  const backends = { a: kobold('text'), art: kobold('image'), b: kobold('text', 'image') }
  const ids = (chosen?: string) =>
    (models(factsOf(backends, {}, chosen)).data as { id: string }[]).map(({ id }) => id)
  t.same(ids(), ['koboldcpp/a', 'koboldcpp/b'])
  t.same(ids('b'), ['koboldcpp/b', 'koboldcpp/a'])
  const tags = ollamaTags(factsOf(backends)).models as { name: string }[]
  t.same(
    tags.map(({ name }) => name),
    ['koboldcpp/a:latest', 'koboldcpp/b:latest'],
  )
  t.match(ollamaShow(factsOf(backends), 'koboldcpp/b:latest'), { modelfile: 'FROM b' })
  t.match(ollamaShow(factsOf(backends), 'who'), { modelfile: 'FROM a' }, 'unknown names never fail')
  t.equal(ollamaShow(factsOf({ art: kobold('image') }), 'a'), undefined)
})

t.test('lengths are those of the text model, never of an image instance', async (t) => {
  const image = { '/api/extra/true_max_context_length': { value: 12288 } }
  const [unknown] = factsOf(THREE, { art: image }).serving('text')
  t.same([trueContext(unknown), advisedContext(unknown), replyLength(unknown)], [4096, 4096, 1024])
  const said = {
    '/api/extra/true_max_context_length': { value: 8192 },
    '/api/v1/config/max_context_length': { value: 6000 },
    '/api/v1/config/max_length': { value: 300 },
  }
  const [known] = factsOf(THREE, { llm: said, art: image }).serving('text')
  t.same([trueContext(known), advisedContext(known), replyLength(known)], [8192, 6000, 300])
  const args = ['--port', '${port}', '--contextsize', '16384']
  const told = factsOf({ llm: { serves: ['text'], process: { command: 'k', args } } })
  t.equal(trueContext(told.serving('text')[0]), 16384, 'its arguments say so before it ever ran')
  const cpp = { '/props': { default_generation_settings: { n_ctx: 2048 } } }
  t.equal(trueContext(factsOf(THREE, { llm: cpp }).serving('text')[0]), 2048)
})

t.test('props always have a template, and neither a role nor a folder', async (t) => {
  const said = { '/props': { chat_template: null, role: 'router', model_path: 'C:\\m\\x.gguf' } }
  const [text] = factsOf(THREE, { llm: said }).serving('text')
  const merged = props(text)
  t.match(merged, { chat_template: '', model_path: 'x.gguf', total_slots: 1 })
  t.notHas(merged, { role: 'router' })
  const live = { chat_template: '/not a path/ {{ x }}', model_path: '/home/me/y.gguf', n_ctx: 9 }
  t.match(props(text, live), { chat_template: live.chat_template, model_path: 'y.gguf', n_ctx: 9 })
  t.match(props(undefined), { chat_template: '', modalities: { vision: false, audio: false } })
})

t.test('performance is the last text’s, and what all did together', async (t) => {
  const text = { last_seed: 5, stop_reason: 2, total_gens: 3, queue: 1, idle: 1, idletime: 4 }
  const image = { last_seed: 9, total_gens: 0, total_img_gens: 2, queue: 2, idle: 1, idletime: 9 }
  const said = [
    { isText: false, perf: image },
    { isText: true, perf: text },
  ]
  const facts = { name: 'llm', state: 'ready', launcher: 'process', reason: '', pid: 1 } as const
  const status = { ...facts, memory: [], entering: 0, waitMs: 0, serviceMs: 0 }
  const at = (waiting: number, inFlight: number) => [{ ...status, waiting, inFlight }]
  const idle = perf({ said, statuses: at(0, 0), uptime: 100 })
  t.match(idle, { last_seed: 5, stop_reason: 2, total_gens: 3, total_img_gens: 2, queue: 3 })
  t.match(idle, { idle: 1, idletime: 4, uptime: 100, hordeexitcounter: -1, quiet: true })
  t.equal(Object.keys(idle).length, 22, 'as many as a KoboldCpp has')
  t.match(perf({ said, statuses: at(2, 1), uptime: 100 }), { queue: 5, idle: 0, idletime: 0 })
  t.match(perf({ said: [], statuses: [], uptime: 7 }), { last_seed: -1, idle: 1, idletime: 7 })
})

import t from 'tap'
import type { BackendConfig, RouteConfig, Workload } from '../../src/config/config.js'
import { createMatcher } from '../../src/routing/match.js'
import { createPicker } from '../../src/routing/pick.js'

function backend(name: string, ...serves: Workload[]): BackendConfig {
  return {
    name,
    serves,
    models: [],
    dialect: 'koboldcpp',
    address: { protocol: 'http:', host: '127.0.0.1', port: 0, basePath: '' },
    launcher: { kind: 'external' },
    memory: {},
    concurrency: 1,
    maxWaiting: 1,
    idleTimeoutMs: 0,
    startTimeoutMs: 0,
    stopTimeoutMs: 0,
    keepLoaded: false,
    startsAfter: [],
    livenessIntervalMs: 0,
    requestTimeoutMs: 0,
    bodies: 'buffer',
    heartbeat: 'events',
    onClientGone: 'cancel',
    timeouts: { connectMs: 0, headersMs: 0, bodyIdleMs: 0 },
  }
}

const routes: RouteConfig[] = ['image', 'comfy', 'gone'].map((name) => ({
  path: `/${name}/*`,
  methods: [],
  headers: {},
  model: undefined,
  to: { backend: name },
  stripPrefix: false,
  timeouts: { headersMs: undefined, bodyIdleMs: undefined },
  bodies: undefined,
}))
const matcher = createMatcher(routes)
const matchOf = (method: string, path: string) => matcher.match({ method, path, headers: {} })

const picker = createPicker([
  backend('chat', 'text'),
  backend('image', 'image', 'text'),
  backend('coder', 'text'),
  backend('comfy'),
])

t.test(
  'the first backend in the file takes a workload unless the model names another',
  async (t) => {
    const chat = matchOf('POST', '/v1/chat/completions')
    t.same(picker.pick(chat), { backend: 'chat', workload: 'text' })
    t.equal(picker.pick(chat, 'coder').backend, 'coder')
    t.equal(picker.pick(chat, 'koboldcpp/coder').backend, 'coder')
    t.equal(picker.pick(chat, 'coder:latest').backend, 'coder')
    t.equal(picker.pick(chat, 'koboldcpp/coder:latest').backend, 'coder')
  },
)

t.test('an unknown model, or one that serves other work, is no failure', async (t) => {
  const chat = matchOf('POST', '/v1/chat/completions')
  for (const model of ['gpt-4o', '', 'CODER', 'comfy', '__proto__', 'constructor']) {
    t.equal(picker.pick(chat, model).backend, 'chat', model)
  }
  t.equal(picker.pick(matchOf('POST', '/sdapi/v1/txt2img'), 'chat').backend, 'image')
})

t.test('a name that looks like another one with a suffix is still itself', async (t) => {
  const both = createPicker([
    backend('a', 'text'),
    backend('b', 'text'),
    backend('b:latest', 'text'),
  ])
  t.equal(both.pick(matchOf('POST', '/request'), 'b:latest').backend, 'b:latest')
})

t.test('text takes transcription and embeddings only when nobody else does', async (t) => {
  const speech = matchOf('POST', '/api/extra/transcribe')
  t.same(picker.pick(speech), { backend: 'chat', workload: 'text' })
  t.equal(picker.pick(matchOf('POST', '/embeddings'), 'coder').backend, 'coder')
  const whisper = createPicker([backend('chat', 'text'), backend('ears', 'transcribe')])
  t.same(whisper.pick(speech, 'chat'), { backend: 'ears', workload: 'transcribe' })
})

t.test('when nobody serves it, the result names the workload asked for', async (t) => {
  t.same(picker.pick(matchOf('POST', '/api/extra/tts')), { backend: undefined, workload: 'speech' })
  const none = createPicker([])
  t.same(none.pick(matchOf('POST', '/v1/embeddings')), {
    backend: undefined,
    workload: 'embeddings',
  })
  t.same(none.pick(matchOf('POST', '/x')), { backend: undefined, workload: 'text' })
})

t.test('a route to a backend goes there, counted as the work it is about', async (t) => {
  t.same(picker.pick(matchOf('POST', '/image/v1/completions'), 'coder'), {
    backend: 'image',
    workload: 'text',
  })
  t.same(picker.pick(matchOf('POST', '/image/sdapi/v1/txt2img')), {
    backend: 'image',
    workload: 'image',
  })
  t.same(picker.pick(matchOf('POST', '/image/api/extra/tts')), {
    backend: 'image',
    workload: 'image',
  })
  t.same(picker.pick(matchOf('POST', '/comfy/x')), { backend: 'comfy', workload: undefined })
  t.same(picker.pick(matchOf('POST', '/gone/x')), { backend: undefined, workload: undefined })
})

t.test('what the gateway answers is picked as what it is about', async (t) => {
  t.equal(picker.pick(matchOf('GET', '/sdapi/v1/samplers')).backend, 'image')
  t.equal(picker.pick(matchOf('GET', '/api/extra/version')).backend, 'chat')
  t.equal(picker.pick(matchOf('POST', '/api/extra/abort')).backend, 'chat')
})

t.test('the model is needed only to choose among several', async (t) => {
  t.ok(picker.needsModel(matchOf('POST', '/v1/chat/completions')))
  t.ok(picker.needsModel(matchOf('POST', '/v1/embeddings')))
  t.notOk(picker.needsModel(matchOf('POST', '/sdapi/v1/txt2img')))
  t.notOk(picker.needsModel(matchOf('POST', '/image/v1/completions')))
})

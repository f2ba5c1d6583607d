import fc from 'fast-check'
import t from 'tap'
import type { BackendConfig, RouteConfig, Workload } from '../../src/config/config.js'
import { Defaults } from '../../src/routing/defaults.js'
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
    memory: { amounts: {}, anyGpu: undefined, shares: {} },
    onOverQuota: 'warn',
    priority: 0,
    concurrency: 1,
    queueLimit: 1,
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

t.test('without a choice a name is not even looked at', async (t) => {
  const reported = () => t.fail('nobody is asked for names')
  const one = createPicker([called(backend('a', 'text'), 'b')], { reported: () => void reported() })
  t.equal(one.pick(matchOf('POST', '/request'), 'b').backend, 'a')
})

function called(known: BackendConfig, ...models: string[]): BackendConfig {
  return { ...known, models }
}

t.test('an alias chooses, exactly or by a glob, after the names of the backends', async (t) => {
  const those = createPicker([
    called(backend('small', 'text'), 'gpt-3*', '*turbo', 'mini'),
    called(backend('large', 'text'), 'gpt-*', 'gpt-3.5', 'some/model:7b'),
    called(backend('eyes', 'image'), 'mini', '*'),
  ])
  const of = (model: string) => those.pick(matchOf('POST', '/request'), model).backend
  t.equal(of('gpt-4o'), 'large')
  t.equal(of('gpt-3-mini'), 'small', 'of globs the first in the file')
  t.equal(of('gpt-3.5'), 'large', 'a name without a star comes before globs')
  t.equal(of('koboldcpp/gpt-3.5:latest'), 'large')
  t.equal(of('koboldcpp/some/model:7b'), 'large')
  t.equal(of('koboldcpp/gpt-4'), 'large', 'globs are tried without the additions, too')
  t.equal(of('mini'), 'small', 'whatever backends of other work are called')
  t.equal(of('GPT-4o'), 'small', 'case counts')
  t.equal(of('nobody'), 'small', 'the default')
})

t.test('a name as it is written comes before the same without additions', async (t) => {
  const those = createPicker([
    backend('chat', 'text'),
    called(backend('coder', 'text'), 'chat:latest'),
  ])
  t.equal(those.pick(matchOf('POST', '/request'), 'chat:latest').backend, 'coder')
  t.equal(those.pick(matchOf('POST', '/request'), 'koboldcpp/chat:latest').backend, 'coder')
  t.equal(those.pick(matchOf('POST', '/request'), 'chat').backend, 'chat')
})

t.test('the name that a model reports itself comes after aliases, and before globs', async (t) => {
  const names: Record<string, string> = { tiny: 'b', fast: 'a', stray: 'gone', big: 'b' }
  const those = createPicker(
    [called(backend('a', 'text'), '*'), called(backend('b', 'text'), 'fast')],
    { reported: (workload, model) => (workload === 'text' ? names[model] : undefined) },
  )
  const of = (model: string) => those.pick(matchOf('POST', '/request'), model).backend
  t.equal(of('tiny'), 'b')
  t.equal(of('koboldcpp/big'), 'b')
  t.equal(of('fast'), 'b')
  t.equal(of('stray'), 'a', 'a backend that is gone is nobody')
})

t.test('a default that was chosen takes what names no model, until it is gone', async (t) => {
  const defaults = new Defaults()
  const those = createPicker(
    [backend('a', 'text', 'image'), backend('b', 'text'), backend('c', 'image')],
    { defaults },
  )
  const text = (model?: string) => those.pick(matchOf('POST', '/request'), model).backend
  defaults.choose('text', 'b')
  t.equal(text(), 'b')
  t.equal(text(''), 'b', 'an empty name is none')
  t.equal(text('unknown'), 'b')
  t.equal(text('a'), 'a')
  t.equal(those.pick(matchOf('GET', '/props')).backend, 'b', 'and is asked about the text model')
  t.equal(those.pick(matchOf('POST', '/sdapi/v1/txt2img')).backend, 'a')
  t.equal(those.pick(matchOf('POST', '/v1/embeddings')).backend, 'b', 'as a stand-in, too')
  for (const gone of ['c', 'nobody']) {
    defaults.choose('text', gone)
    t.equal(text(), 'a')
  }
})

const word = fc.string({
  unit: fc.constantFrom('a', 'b', '*', ':', '/'),
  minLength: 1,
  maxLength: 4,
})
const some = fc.array(fc.record({ models: fc.array(word, { maxLength: 3 }), both: fc.boolean() }), {
  minLength: 1,
  maxLength: 4,
})
const text = matchOf('POST', '/request')

t.test('whatever is asked for, somebody who serves it answers, the right one first', async () => {
  fc.assert(
    fc.property(some, fc.oneof(word, fc.constant('koboldcpp/a:latest')), (those, model) => {
      const backends = those.map(({ models, both }, index) =>
        called(
          backend(`b${index}`, ...(both ? (['text', 'image'] as const) : ['text' as const])),
          ...models,
        ),
      )
      const many = createPicker(backends)
      const found = many.pick(text, model)
      const alias = backends.find(({ models }) => !model.includes('*') && models.includes(model))
      const own = backends.map(({ name }) => many.pick(text, name).backend)
      return (
        found.workload === 'text' &&
        backends.some(({ name }) => name === found.backend) &&
        (alias === undefined || found.backend === alias.name) &&
        own.every((name, index) => name === `b${index}`)
      )
    }),
  )
})

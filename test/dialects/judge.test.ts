import t from 'tap'
import { DIALECT_NAMES, type DialectName, type Workload } from '../../src/config/config.js'
import type { ProbeReply, Readiness } from '../../src/dialects/dialect.js'
import { dialectOf } from '../../src/dialects/dialect-of.js'

interface Row {
  readonly says: string
  readonly reply: ProbeReply
  readonly serves?: readonly Workload[]
  readonly is: Readiness['is']
  readonly because?: string
}

const VERSION = { result: 'KoboldCpp', version: '1.92' }

function ok(body: unknown): ProbeReply {
  return { status: 200, body: typeof body === 'string' ? body : JSON.stringify(body) }
}

function status(code: number): ProbeReply {
  return { status: code, body: '' }
}

function judges(name: DialectName, rows: readonly Row[]): void {
  t.test(`${name} judges the answers to its probe`, (t) => {
    for (const { says, reply, serves = ['text'] as const, is, because } of rows) {
      const verdict = dialectOf(name).judge(reply, serves)
      t.equal(verdict.is, is, says)
      if (because !== undefined) t.match(verdict, { because }, says)
    }
    t.end()
  })
}

const NOT_KOBOLD = 'what answers there is not KoboldCpp'

judges('koboldcpp', [
  { says: 'a loaded model is ready', reply: ok({ ...VERSION, llm: true }), is: 'ready' },
  { says: 'an old version without flags is ready', reply: ok(VERSION), is: 'ready' },
  {
    says: 'a flag of another type is no missing model',
    reply: ok({ ...VERSION, llm: 0 }),
    is: 'ready',
  },
  {
    says: 'a missing model is wrong, and named',
    reply: ok({ ...VERSION, llm: false }),
    is: 'wrong',
    because: 'it runs, but has no model loaded for text',
  },
  {
    says: 'every missing model is named',
    reply: ok({ ...VERSION, llm: true, txt2img: false, tts: false }),
    serves: ['text', 'image', 'speech'],
    is: 'wrong',
    because: 'it runs, but has no model loaded for image, speech',
  },
  {
    says: 'models that nobody asks of it may be missing',
    reply: ok({ ...VERSION, llm: false, txt2img: true }),
    serves: ['image'],
    is: 'ready',
  },
  {
    says: 'a backend that serves no workload is ready without a model',
    reply: ok({ ...VERSION, llm: false }),
    serves: [],
    is: 'ready',
  },
  {
    says: 'text with audio transcribes',
    reply: ok({ ...VERSION, llm: true, transcribe: false, audio: true }),
    serves: ['text', 'transcribe'],
    is: 'ready',
  },
  {
    says: 'text without audio does not transcribe',
    reply: ok({ ...VERSION, llm: true, transcribe: false, audio: false }),
    serves: ['transcribe'],
    is: 'wrong',
  },
  {
    says: 'audio does not paint',
    reply: ok({ ...VERSION, llm: true, txt2img: false, audio: true }),
    serves: ['image'],
    is: 'wrong',
  },
  {
    says: 'another program is not it, yet',
    reply: ok({ version: '1.0' }),
    is: 'not-yet',
    because: NOT_KOBOLD,
  },
  { says: 'KoboldAI is not KoboldCpp', reply: ok({ result: 'KoboldAI' }), is: 'not-yet' },
  { says: 'HTML is not it', reply: ok('<html>'), is: 'not-yet', because: NOT_KOBOLD },
  { says: 'an empty body is not it', reply: ok(''), is: 'not-yet' },
  { says: 'null is not it', reply: ok('null'), is: 'not-yet' },
  { says: 'a list is not it', reply: ok('["KoboldCpp"]'), is: 'not-yet' },
  { says: 'a text is not it', reply: ok('"KoboldCpp"'), is: 'not-yet' },
  { says: '503 is not it', reply: { status: 503, body: JSON.stringify(VERSION) }, is: 'not-yet' },
  { says: '404 is not it', reply: status(404), is: 'not-yet' },
])

for (const [workload, flag] of Object.entries({
  text: 'llm',
  image: 'txt2img',
  transcribe: 'transcribe',
  speech: 'tts',
  embeddings: 'embeddings',
  music: 'music',
})) {
  const serves = [workload as Workload]
  judges('koboldcpp', [
    {
      says: `${flag} says ${workload}`,
      reply: ok({ ...VERSION, [flag]: true }),
      serves,
      is: 'ready',
    },
    {
      says: `no ${flag}, no ${workload}`,
      reply: ok({ ...VERSION, [flag]: false }),
      serves,
      is: 'wrong',
      because: `it runs, but has no model loaded for ${workload}`,
    },
  ])
}

t.test('a workload that audio makes up for is not named among the missing', (t) => {
  const reply = ok({ ...VERSION, llm: true, transcribe: false, txt2img: false, audio: true })
  t.match(dialectOf('koboldcpp').judge(reply, ['text', 'transcribe', 'image']), {
    is: 'wrong',
    because: /for image$/,
  })
  t.end()
})

const LOADING = 'it answers its readiness probe with status 503'

judges('openai', [
  { says: '200 is ready', reply: status(200), is: 'ready' },
  { says: 'a server without /health is up', reply: status(404), is: 'ready' },
  { says: 'a server that wants a key is up', reply: status(401), is: 'ready' },
  { says: '503 while it loads', reply: status(503), is: 'not-yet', because: LOADING },
  { says: '500 is not ready', reply: status(500), is: 'not-yet' },
])

for (const name of ['a1111', 'comfyui'] as const) {
  judges(name, [
    { says: '200 is ready', reply: status(200), is: 'ready' },
    { says: 'its page may be up before its API', reply: status(404), is: 'not-yet' },
    { says: '503 while it loads', reply: status(503), is: 'not-yet', because: LOADING },
  ])
}

judges(
  'generic',
  [200, 204, 302, 404, 500].map((code) => ({
    says: `${code} shows that a program is up`,
    reply: status(code),
    is: 'ready' as const,
  })),
)

t.test('every name has its dialect, which asks by a path and kills last', (t) => {
  for (const name of DIALECT_NAMES) {
    const dialect = dialectOf(name)
    t.equal(dialect.name, name)
    t.match(dialect.probePath, /^\//)
    t.equal(dialect.stopSignals.at(-1), 'SIGKILL')
    t.ok(dialect.stopSignals.length > 1, `${name} is asked politely first`)
  }
  t.end()
})

t.test('KoboldCpp is interrupted first, and no connection to it is kept', (t) => {
  const koboldcpp = dialectOf('koboldcpp')
  t.same(koboldcpp.stopSignals, ['SIGINT', 'SIGTERM', 'SIGKILL'])
  t.equal(koboldcpp.keepsConnections, false)
  t.equal(koboldcpp.unknownPostsWait, true)
  t.equal(koboldcpp.rewrites.get('/embeddings'), '/v1/embeddings')
  t.end()
})

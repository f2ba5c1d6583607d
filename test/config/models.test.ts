import t from 'tap'
import { complaintsOf, configOf, faultsOf } from './read.js'

const backend = (serves: string[], models: string[]) => ({ url: 'http://h', serves, models })

t.test('a backend has no names but its own, unless it lists them', async (t) => {
  const { backends, admin } = configOf({
    backends: { a: { url: 'http://h' }, b: backend(['text'], ['gpt-4*', 'mine']) },
  })
  t.same(
    backends.map(({ models }) => models),
    [[], ['gpt-4*', 'mine']],
  )
  t.same(admin, { switchTextModel: false })
  t.same(configOf({ admin: { switchTextModel: true } }).admin, { switchTextModel: true })
})

t.test(
  'two backends of one workload with the same name are a fault where the second says it',
  async (t) => {
    const faults = faultsOf(`{
  "backends": {
    "a": { "url": "http://h", "serves": ["text"], "models": ["gpt-4", "x*"] },
    "b": { "url": "http://h", "serves": ["image", "text"],
      "models": ["x*", "gpt-4"] }
  }
}`)
    t.match(faults, [
      {
        line: 5,
        column: 24,
        path: 'backends.b.models[1]',
        found: '"gpt-4"',
        expected: 'a name of its own (backends.a has the same)',
      },
    ])
  },
)

t.test('a name that another backend is called by leads there, so it is a fault', async (t) => {
  const backends = { a: backend(['text'], ['b']), b: backend(['text'], ['b']) }
  t.same(complaintsOf({ backends }), [
    'backends.a.models[0]: a name of its own (backends.b has the same)',
  ])
})

t.test('backends of different work may share names, and each may repeat its own', async (t) => {
  const backends = {
    a: backend(['text'], ['one', 'one', 'a', 'eyes']),
    eyes: backend(['image'], ['one', 'a']),
    none: backend([], ['one']),
  }
  t.same(complaintsOf({ backends }), [])
})

t.test('nothing is said of names while it is in doubt who serves what', async (t) => {
  const backends = { a: backend(['text'], ['x']), b: backend(['txt'], ['x']) }
  t.same(
    complaintsOf({ backends }).map((text) => text.split(':')[0]),
    ['backends.b.serves[0]'],
  )
})

t.test('a name is a text with something in it', async (t) => {
  t.match(complaintsOf({ backends: { a: backend(['text'], ['']) } }), [
    /^backends.a.models\[0\]: a text/,
  ])
})

import t from 'tap'
import { complaintsOf, configOf, faultsOf } from './read.js'

/** Backends that are kept loaded, by what each starts after. */
function kept(after: Record<string, string[]>) {
  const entries = Object.entries(after).map(([name, startsAfter], at) => {
    const url = `http://127.0.0.1:${5001 + at}`
    return [name, { url, keepLoaded: true, startsAfter }] as const
  })
  return { backends: Object.fromEntries(entries) }
}

t.test('backends that are kept loaded may start after others, in any order', async (t) => {
  const { backends } = configOf(kept({ a: ['b', 'c'], b: ['c'], c: [], d: ['a', 'b', 'c'] }))
  t.same(
    backends.map(({ startsAfter }) => startsAfter),
    [['b', 'c'], ['c'], [], ['a', 'b', 'c']],
  )
})

t.test('a name that no backend has is a fault, with the nearest one as a hint', async (t) => {
  t.match(faultsOf(kept({ text: ['imagge'], image: [] })), [
    {
      path: 'backends.text.startsAfter[0]',
      found: '"imagge"',
      expected: 'the name of a backend',
      hint: 'did you mean "image"?',
    },
  ])
  const [fault, ...others] = faultsOf(kept({ text: ['xyzzyxyzzy'] }))
  t.same([others, fault?.hint], [[], undefined])
  for (const name of ['constructor', '__proto__', 'toString', '']) {
    t.same(complaintsOf(kept({ text: [name] })), [
      'backends.text.startsAfter[0]: the name of a backend',
    ])
  }
})

t.test('each fault stands where its name does', async (t) => {
  t.same(complaintsOf(kept({ a: ['b', 'x1', 'c', 'x2'], b: [], c: ['x3'] })), [
    'backends.a.startsAfter[1]: the name of a backend',
    'backends.a.startsAfter[3]: the name of a backend',
    'backends.c.startsAfter[0]: the name of a backend',
  ])
})

t.test('a backend that starts after itself is a fault', async (t) => {
  t.same(complaintsOf(kept({ a: ['a'], b: [] })), [
    'backends.a.startsAfter[0]: a backend that does not itself wait for "a"',
  ])
})

t.test('a circle is a fault at each of its links, and at no other', async (t) => {
  t.same(complaintsOf(kept({ a: ['b'], b: ['x', 'c'], c: ['a'], x: [], y: ['a', 'x'] })), [
    'backends.a.startsAfter[0]: a backend that does not itself wait for "a"',
    'backends.b.startsAfter[1]: a backend that does not itself wait for "b"',
    'backends.c.startsAfter[0]: a backend that does not itself wait for "c"',
  ])
})

t.test('a backend that is not started with the gateway cannot be waited for', async (t) => {
  const { backends } = kept({ a: ['b'], b: [] })
  const lazy = { ...backends, b: { ...backends.b, keepLoaded: false } }
  t.match(faultsOf({ backends: lazy }), [
    {
      path: 'backends.a.startsAfter[0]',
      found: '"b"',
      expected: 'a backend with "keepLoaded": true',
    },
  ])
})

t.test('a chain of a thousand is no circle', async (t) => {
  const names = Array.from({ length: 1_000 }, (_, at) => `b${at}`)
  const chain = Object.fromEntries(names.map((name, at) => [name, names.slice(at + 1, at + 2)]))
  t.same(faultsOf(kept(chain)), [])
})

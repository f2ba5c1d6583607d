import fc from 'fast-check'
import t from 'tap'
import { matchesGlob, parseGlob } from '../../src/routing/glob.js'

const matches = (glob: string, text: string) => matchesGlob(parseGlob(glob), text)

t.test('a star stands for any text, the empty one too, and all else for itself', async (t) => {
  t.ok(matches('qwen*', 'qwen'))
  t.ok(matches('qwen*', 'qwen3-coder:30b'))
  t.notOk(matches('qwen*', 'my-qwen'))
  t.notOk(matches('qwen*', 'Qwen3'))
  t.ok(matches('*coder*', 'qwen3-coder:30b'))
  t.ok(matches('*', ''))
  t.ok(matches('**', 'x\ny'))
  t.ok(matches('a*b*c', 'abbc'))
  t.notOk(matches('ab*ba', 'aba'))
  t.notOk(matches('a*b', 'abc'))
  t.ok(matches('a.c', 'a.c'))
  t.notOk(matches('a.c', 'abc'))
  t.notOk(matches('', 'a'))
})

t.test('a glob agrees with the regular expression it stands for', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 8 })
  fc.assert(
    fc.property(text, text, (glob, value) => {
      const source = glob.replaceAll('.', '\\.').replaceAll('*', '[^]*')
      return matches(glob, value) === new RegExp(`^${source}$`).test(value)
    }),
    { numRuns: 3000 },
  )
})

t.test('a hostile glob and text do not make it slow', async (t) => {
  const started = performance.now()
  t.notOk(matches(`${'a*'.repeat(5000)}b`, 'a'.repeat(100_000)))
  t.notOk(matches(`${'*a'.repeat(5000)}*b*`, 'a'.repeat(100_000)))
  t.ok(performance.now() - started < 500)
})

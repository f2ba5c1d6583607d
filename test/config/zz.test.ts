import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import type { ConfigError } from '../../src/config/config-error.js'
import { schema } from '../../src/config/schema.js'
import { faultsOf } from './read.js'

const WORDS = [
  'listen',
  'devices',
  'backends',
  'routes',
  'url',
  'process',
  'command',
  'args',
  'env',
  'serves',
  'memory',
]
const KEYS = [
  ...WORDS,
  'timeouts',
  'header',
  'method',
  'path',
  'to',
  'gpu0',
  '__proto__',
  'constructor',
  'a.b',
  '',
]
const VALUES = [
  'text',
  'backend:text',
  '/a/*',
  '5GiB',
  '10s',
  'http://h',
  `\${env:A}`,
  `\${port}`,
  '0',
  'auto',
  0,
  -1,
  null,
  true,
]

/** JSON made of the words of a routes.json, so that it gets past the first check. */
const near = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(...VALUES),
    tie('object'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
  object: fc.dictionary(fc.constantFrom(...KEYS), tie('value'), { maxKeys: 5 }),
})).object

const backend = fc.dictionary(
  fc.constantFrom(...Object.keys(schema.properties.backends.patternProperties['^.*$'].properties)),
  near,
)
const file = fc.record(
  {
    listen: near,
    devices: near,
    backends: fc.dictionary(fc.constantFrom('text', 'b', '1'), fc.oneof(backend, near)),
    routes: fc.array(near),
  },
  { requiredKeys: [] },
)

/** Throws whatever is not a ConfigError with faults that can be shown. */
function isReported(text: string): boolean {
  writeFileSync('/tmp/last-input.txt', text)
  return faultsOf(text).every(
    ({ line, column, found, expected }: ConfigError['faults'][number]) =>
      line >= 1 &&
      column >= 1 &&
      found !== '' &&
      expected !== '' &&
      !expected.includes('undefined'),
  )
}

t.test('any text is a Config or a ConfigError', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), isReported))
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":,/*\\0a \n') }), isReported))
})

t.test('any JSON is a Config or a ConfigError', async () => {
  fc.assert(fc.property(fc.json(), isReported))
})

t.test('any JSON of the right words is a Config or a ConfigError', async () => {
  fc.assert(
    fc.property(
      near.map((value) => JSON.stringify(value)),
      isReported,
    ),
    { numRuns: 120 },
  )
  fc.assert(
    fc.property(
      file.map((value) => JSON.stringify(value)),
      isReported,
    ),
    { numRuns: 120 },
  )
})

t.test('no place has two faults', async () => {
  fc.assert(
    fc.property(file, (value) => {
      writeFileSync('/tmp/last-input.txt', JSON.stringify(value))
      const paths = faultsOf(value).map(({ path }) => path)
      return new Set(paths).size === paths.length
    }),
    { numRuns: 120 },
  )
})

t.test('no key reaches the prototype of all objects', async (t) => {
  faultsOf('{ "__proto__": { "polluted": 1 }, "constructor": { "prototype": { "polluted": 1 } } }')
  t.notOk('polluted' in {})
})

import fc from 'fast-check'
import t from 'tap'
import { withKey } from '../../src/proxy/genkey.js'

const KEY = '0b5a43c6-6f4e-4c8e-9f6e-0a1b2c3d4e5f'
const white = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 4 })
const member = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
const BOM = '\ufeff'

const keyed = (text: string, row = 'generate') => withKey(Buffer.from(text), row, KEY)
const parsed = (body: Buffer | undefined): unknown =>
  JSON.parse(String(body).replace(new RegExp(`^${BOM}`), ''))

t.test('a request gets the key, and every other member stays what it was', async () => {
  const cases = fc.record({
    ...{ object: member, before: white, behind: white },
    ...{ mark: fc.constantFrom('', BOM), indent: fc.nat(2) },
  })
  fc.assert(
    fc.property(cases, ({ object, before, behind, mark, indent }) => {
      const text = mark + before + JSON.stringify(object, null, indent) + behind
      const result = keyed(text)
      const { genkey, ...others } = parsed(result) as Record<string, unknown>
      const { genkey: _old, ...wanted } = JSON.parse(JSON.stringify(object))
      return genkey === KEY && JSON.stringify(others) === JSON.stringify(wanted)
    }),
  )
})

t.test('the bytes in front of the key are the client’s own', async (t) => {
  const text = '{"prompt" : "\\u00e9 é 😀",\n "max_length": 1e2 }\n'
  const result = keyed(text)
  const end = text.lastIndexOf('}')
  t.equal(String(result), `${text.slice(0, end)},"genkey":"${KEY}"}\n`)
})

t.test('an object without members gets no comma', async (t) => {
  for (const text of ['{}', '{ }', ' {\n\t} ', `${BOM}{}`]) {
    t.same(parsed(keyed(text)), { genkey: KEY }, JSON.stringify(text))
  }
})

t.test('whatever key a request had, it has this one', async (t) => {
  for (const text of [
    '{"genkey":"KCPP1234","prompt":"a"}',
    '{"prompt":"a","genk\\u0065y":"KCPP1234"}',
    '{"genkey":""}',
    '{"genkey":null}',
    '{"a":{"genkey":"inner"}}',
    '{"prompt":"\\"genkey\\":\\"told\\""}',
  ]) {
    t.match(parsed(keyed(text)), { ...JSON.parse(text), genkey: KEY }, text)
  }
})

t.test('what is no object gets no key', async (t) => {
  fc.assert(
    fc.property(
      fc.jsonValue().filter((value) => !isObject(value)),
      white,
      (value, around) => keyed(around + JSON.stringify(value) + around) === undefined,
    ),
  )
  for (const text of ['', ' ', '{', '}', '{"a":1', '[{"a":1}]', 'a=1&b={}', `${BOM}`]) {
    t.equal(keyed(text), undefined, JSON.stringify(text))
  }
})

t.test('what is no JSON stays without use, and nothing throws', async () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      withKey(Buffer.from(bytes), 'generate', KEY)
      withKey(Buffer.concat([Buffer.from('{'), bytes, Buffer.from('}')]), 'generate', KEY)
    }),
  )
})

t.test('only requests for text have keys', async (t) => {
  for (const row of ['generate-stream', 'completions', 'messages', 'responses', 'ollama-chat']) {
    t.ok(keyed('{}', row), row)
  }
  for (const row of ['sd-work', 'transcribe', 'speech', 'embeddings', 'interrogate', 'other']) {
    t.equal(keyed('{}', row), undefined, row)
  }
})

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

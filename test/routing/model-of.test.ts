import fc from 'fast-check'
import t from 'tap'
import { modelOf } from '../../src/routing/model-of.js'

const of = (body: string, type?: string) => modelOf(Buffer.from(body), type)

t.test('the model is found at the top level of a JSON body, whatever its type says', async (t) => {
  t.equal(of('{"model":"a"}', 'text/plain'), 'a')
  t.equal(of('{"model":"a"}'), 'a')
  t.equal(of('\ufeff \n{ "x" : [1,{"model":"no"}], "y":{"model":"no"} , "model" : "a" }'), 'a')
  t.equal(of('{"prompt":"\\"model\\":\\"no\\"","model":"a"}'), 'a')
  t.equal(of('{"mod\\u0065l":"\\u00e4\\n"}'), 'ä\n')
  t.equal(of('{"model":"größe"}'), 'größe')
  t.equal(of('{"model":"a","model":"b"}'), 'b', 'the last one counts')
  t.equal(of('{"model":"a","model":null}'), undefined, 'the last one counts')
})

t.test('a body without a model has none', async (t) => {
  const bodies = ['', ' ', '[]', 'null', '{}', '{"a":{"model":"x"}}', '[{"model":"x"}]', '"model"']
  for (const body of [
    ...bodies,
    '{"model":7}',
    '{"model":["x"]}',
    '{"model',
    '{"model":',
    '--',
    '{',
  ]) {
    t.equal(of(body), undefined, body)
  }
  t.equal(of(`{"model":"${'x'.repeat(2000)}"}`), undefined, 'nor one with an absurd one')
})

const name = fc.oneof(
  fc.constantFrom('model', 'mod', 'x', 'm"odel', 'model\\'),
  fc.string({ unit: 'binary', maxLength: 8 }),
)
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('"', '\\', '\\"', '"}', 'model', '{"model":"x"}', '","model":"'),
    fc
      .tuple(fc.constantFrom('a', '\\', '"', 'é'), fc.nat({ max: 700 }))
      .map(([c, n]) => c.repeat(n)),
    fc.constantFrom(1, -1.5e300, null, true, false),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie('any')), { maxLength: 4 }).map((pairs) => new Map(pairs as [])),
  ),
})).any

/** JSON with members twice, which no object can hold, and with every sort of blank and escape. */
function write(part: unknown, blank: string, escaped: boolean): string {
  if (part instanceof Map) {
    const members = [...part].map(
      ([key, each]) =>
        `${write(key, blank, escaped)}${blank}:${blank}${write(each, blank, escaped)}`,
    )
    return `{${blank}${members.join(`${blank},${blank}`)}${blank}}`
  }
  if (Array.isArray(part)) return `[${part.map((each) => write(each, blank, escaped)).join(',')}]`
  const json = JSON.stringify(part)
  if (typeof part !== 'string' || !escaped) return json
  const units = Array.from({ length: part.length }, (_, at) => part.charCodeAt(at))
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`
}

t.test('it finds what JSON.parse finds', async () => {
  const members = fc.array(fc.tuple(name, value), { maxLength: 6 })
  const style = fc.tuple(fc.constantFrom('', ' ', '\n\t', '\r\n  '), fc.boolean())
  fc.assert(
    fc.property(members, style, (members, [blank, escaped]) => {
      const inner = members.map(
        ([key, each]) => `${write(key, blank, escaped)}:${blank}${write(each, blank, escaped)}`,
      )
      const body = Buffer.from(`${blank}{${inner.join(`${blank},`)}${blank}}${blank}`)
      const { model } = JSON.parse(body.toString())
      const expected = typeof model === 'string' && model.length < 150 ? model : undefined
      const found = modelOf(body, undefined)
      return found === expected || (typeof model === 'string' && model.length >= 150)
    }),
    { numRuns: 2000 },
  )
})

t.test('no bytes make it throw', async () => {
  const bytes = fc.uint8Array({ maxLength: 60 })
  const type = fc.option(fc.string(), { nil: undefined })
  const start = fc.constantFrom('', '{', '{"model":"', '{"model":"\\', '--x\r\n', '{"a":[', '{"')
  fc.assert(
    fc.property(start, bytes, type, (start, bytes, type) => {
      modelOf(Buffer.concat([Buffer.from(start), bytes]), type)
    }),
    { numRuns: 2000 },
  )
})

function form(...parts: string[]): string {
  return `${parts.map((part) => `--XX\r\nContent-Disposition: form-data; ${part}\r\n`).join('')}--XX--\r\n`
}

t.test('the model is found in a form, whatever its type says', async (t) => {
  const file =
    'name="file"; filename="model"\r\nContent-Type: audio/wav\r\n\r\nRIFF\0\xff\r\n\r\n--X'
  t.equal(
    of(form(file, 'name="model"\r\n\r\nwhisper-1'), 'multipart/form-data; boundary=XX'),
    'whisper-1',
  )
  t.equal(of(form('name="model"\r\n\r\nwhisper-1', file)), 'whisper-1')
  t.equal(of(form('name=model\r\n\r\na', 'name="model"\r\n\r\nb')), 'b', 'the last one counts')
  t.equal(
    of(`preamble\r\n${form('name="model"\r\n\r\na')}`, 'multipart/form-data;boundary="XX"'),
    'a',
  )
  t.equal(of(`preamble\r\n${form('name="model"\r\n\r\na')}`), undefined)
  t.equal(of(form('name="model"; filename="x"\r\n\r\na')), undefined, 'a file is no field')
  t.equal(of(form('name="models"\r\n\r\na')), undefined)
  t.equal(of(form(file)), undefined)
})

t.test('the model is found behind the question mark, if the body names none', async (t) => {
  const at = (url: string, body = '') => modelOf(Buffer.from(body), undefined, url)
  t.equal(at('/v1/realtime?model=a'), 'a')
  t.equal(at('/v1/realtime?x=1&model=some%2Fmodel+7b#model=no'), 'some/model 7b#model=no')
  t.equal(at('/x?model=a&model=b'), 'b', 'the last one counts')
  t.equal(at('/x?model=a', '{"model":"b"}'), 'b')
  t.equal(at('/x?model=a', '{"prompt":"b"}'), 'a')
  t.equal(at('/x?model='), '')
  t.equal(at('/x?model=%'), '%')
  for (const url of ['/model=a', '/x?', '/x', '?models=a', '/x?a=model', '/model?a=b'])
    t.equal(at(url), undefined, url)
  t.equal(at(`/x?model=${'a'.repeat(2000)}`), undefined, 'nor one with an absurd one')
})

t.test('a big body takes time in line with its length', async (t) => {
  const size = 2 * 1024 * 1024
  const pieces = ['\\"', '\\', 'a', '"a",', '[', '{"a":', '{', ' ']
  const bodies = pieces.map((piece) => `{"x":"${piece.repeat(size / piece.length)}`)
  const arrays = pieces.map((piece) => `{"x":[${piece.repeat(size / piece.length)}`)
  const forms = ['--X\r\n', '--X\r\n\r\n\r\n'].map((part) => part.repeat(size / part.length))
  for (const body of [...bodies, ...arrays, ...forms].map((text) => Buffer.from(text))) {
    const started = performance.now()
    modelOf(body, 'multipart/form-data; boundary=X')
    t.ok(performance.now() - started < 1000, body.toString('latin1', 0, 20))
  }
})

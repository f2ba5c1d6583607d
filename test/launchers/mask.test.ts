import fc from 'fast-check'
import t from 'tap'
import { createMask, cutPaths } from '../../src/launchers/mask.js'

function masked(text: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  return createMask({ args, env })(text)
}

t.test('a secret of the command is hidden wherever it appears', (t) => {
  const rows: [string, readonly string[], Record<string, string>, string][] = [
    ['x hunter22 y', ['--password', 'hunter22'], {}, 'x *** y'],
    ['xhunter22y', ['--password=hunter22'], {}, 'x***y'],
    ['pw a=b', ['--adminpassword=a=b!'], {}, 'pw a=b'],
    ['pw a=b!', ['--adminpassword=a=b!'], {}, 'pw ***'],
    ['two words', ['--passphrase', 'two words'], {}, '***'],
    ['sk-1234', ['--api-key', 'sk-1234'], {}, '***'],
    ['sk-1234', ['--API_KEY=sk-1234'], {}, '***'],
    ['hf_1234', [], { HF_TOKEN: 'hf_1234' }, '***'],
    ['$&$1', ['--secret', '$&$1'], {}, '***'],
    ['a.b a+b', ['--secret', 'a.b '], {}, '***a+b'],
    ['model.gguf', ['--model', 'model.gguf'], { MODEL: 'model.gguf' }, 'model.gguf'],
    ['abc', ['--password', 'abc'], {}, 'abc'],
    ['nothing', ['--password'], {}, 'nothing'],
    ['nothing', ['--password='], {}, 'nothing'],
  ]
  for (const [text, args, env, expected] of rows) t.equal(masked(text, args, env), expected, text)
  t.end()
})

t.test('what a text itself calls a secret is hidden, though the command does not know it', (t) => {
  const rows: [string, string][] = [
    ["Namespace(password='hunter22', port=1)", "Namespace(password='***', port=1)"],
    ['{"api_key": "sk-1", "n": 2}', '{"api_key": "***", "n": 2}'],
    ['--password hunter22 --port 1', '--password *** --port 1'],
    ['HF_TOKEN=hf_1 X=2', 'HF_TOKEN=*** X=2'],
    ['ApiKey: sk-1', 'ApiKey: ***'],
    ['passwd = x', 'passwd = ***'],
    ['a plain line', 'a plain line'],
  ]
  for (const [text, expected] of rows) t.equal(masked(text), expected)
  t.end()
})

t.test('whatever a secret and its surroundings are, it never appears', (t) => {
  const part = fc.string({ unit: 'grapheme-ascii', maxLength: 20 })
  const secret = fc
    .string({ unit: 'grapheme-ascii', minLength: 4, maxLength: 20 })
    .filter((text) => !text.includes('*'))
  const how = fc.constantFrom('arg', 'equals', 'env')
  fc.assert(
    fc.property(secret, how, fc.array(part, { minLength: 2, maxLength: 4 }), (value, by, parts) => {
      const args = { arg: ['--password', value], equals: [`--password=${value}`], env: [] }[by]
      const env: Record<string, string> = by === 'env' ? { MY_SECRET: value } : {}
      return !masked(parts.join(value), args, env).includes(value)
    }),
    { numRuns: 150 },
  )
  t.end()
})

t.test('a secret that begins like another is hidden whole', (t) => {
  const args = ['--password', 'abcd', '--adminpassword', 'abcd-efgh']
  t.equal(masked('pw abcd-efgh', args), 'pw ***')
  t.end()
})

t.test("KoboldCpp's key for the horde is a secret", (t) => {
  t.equal(masked('key is 0123456789', ['--hordekey', '0123456789']), 'key is ***')
  t.end()
})

t.test('ordinary words about tokens are left alone', (t) => {
  for (const text of ['Generated 50 tokens in 3.2 s', 'special tokens cache size = 256']) {
    t.equal(masked(text), text)
  }
  t.end()
})

t.test('a path is cut to its last part', (t) => {
  const rows: [string, string][] = [
    ['/home/jo/models/a.gguf', 'a.gguf'],
    ['open /home/jo/a.gguf: failed', 'open a.gguf: failed'],
    ['"/home/jo/a.gguf"', '"a.gguf"'],
    ['C:\\Users\\jo\\a.gguf not found', 'a.gguf not found'],
    ['D:/models/jo/a.gguf', 'a.gguf'],
    ['12 / 512 tokens', '12 / 512 tokens'],
    ['and/or', 'and/or'],
    ['a.gguf', 'a.gguf'],
    ['', ''],
  ]
  for (const [text, expected] of rows) t.equal(cutPaths(text), expected)
  t.end()
})

t.test('whatever a path without blanks is, none of its folders appears', (t) => {
  const word = fc.stringMatching(/^[a-z0-9._-]{1,12}$/)
  const path = fc.array(word, { minLength: 2, maxLength: 6 })
  fc.assert(
    fc.property(path, fc.constantFrom('/', '\\', 'C:\\', 'C:/'), (parts, root) => {
      const separator = root.at(-1) ?? '/'
      return cutPaths(`at ${root}${parts.join(separator)} !`) === `at ${parts.at(-1)} !`
    }),
  )
  t.end()
})

t.test(
  'a folder with a blank in its name does not appear either, where the path is quoted',
  (t) => {
    t.equal(cutPaths("open 'C:\\Users\\Jo Doe\\models\\a.gguf'"), "open 'a.gguf'")
    t.end()
  },
)

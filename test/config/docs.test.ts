import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import t from 'tap'
import { renderConfiguration, renderOwnSchema, renderSchema } from '../../scripts/render-docs.js'
import { configOf } from './read.js'

const schemaText = readFileSync('docs/routes.schema.json', 'utf8')
const configuration = readFileSync('docs/configuration.md', 'utf8')
const example = /```jsonc\n(.*?)```/s.exec(configuration)?.[1] ?? ''

t.test('docs/routes.schema.json is what the schema says', async (t) => {
  t.ok(schemaText === renderSchema(), 'stale: run npm run docs')
})

t.test('the schema that the gateway reads is what src/config/schema.ts says', async (t) => {
  const own = readFileSync('src/config/schema.json', 'utf8')
  t.ok(own === renderOwnSchema(), 'stale: run npm run docs')
})

t.test('docs/configuration.md is what the schema says', async (t) => {
  t.ok(configuration === renderConfiguration(configuration), 'stale: run npm run docs')
})

t.test('the example of docs/configuration.md is a sound file', async (t) => {
  t.same(
    configOf(example).backends.map(({ name }) => name),
    ['text', 'image', 'voice'],
  )
})

t.test(
  'an editor with docs/routes.schema.json accepts a file that leaves out what has a default',
  async (t) => {
    const accepts = new Ajv().compile(JSON.parse(schemaText))
    t.ok(accepts({}))
    t.ok(
      accepts({
        backends: { b: { process: { command: 'x' } } },
        routes: [{ path: '/', to: 'text' }],
      }),
    )
    t.notOk(accepts({ routes: [{ path: '/' }] }))
    t.notOk(accepts({ backends: { 'a b': {} } }))
  },
)

t.test('every field is described', async (t) => {
  t.notMatch(configuration, '| undefined |')
})

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { loadConfig } from '../../src/config/load.js'
import { configOf } from '../config/read.js'
import { blocksOf, sectionOf } from './markdown.js'

/** What the examples take from the environment. */
const ENV = { TEAM_HOST: 'ai.example.org' }

const files = readdirSync('examples').filter((name) => name.endsWith('.json'))

for (const file of files) {
  t.test(`examples/${file} is a sound configuration`, async (t) => {
    t.ok(loadConfig(`examples/${file}`, ENV).backends.length > 0)
  })
}

t.test('the README of the examples names each of them', async (t) => {
  const page = readFileSync('examples/README.md', 'utf8')
  for (const file of files) t.match(page, `[${file}](${file})`)
})

t.test('the backend in the README is a sound one', async (t) => {
  const [block] = blocksOf(sectionOf('README.md', '## With KoboldCpp'), 'jsonc')
  t.equal(configOf(`{ "backends": { ${block} } }`).backends[0]?.name, 'text')
})

t.test('the routes in docs/routing.md are sound ones', async (t) => {
  const [block] = blocksOf(sectionOf('docs/routing.md', '## Your routes'), 'jsonc')
  const backend = { serves: ['text', 'image'], url: 'http://127.0.0.1:5001' }
  const other = (port: number) => ({ url: `http://127.0.0.1:${port}` })
  const backends = { all: backend, coder: other(1), slow: other(2), comfy: other(3) }
  const { routes } = configOf(`{ "backends": ${JSON.stringify(backends)}, ${block} }`)
  t.equal(routes.length, 5)
})

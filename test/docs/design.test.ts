import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { NEXT } from '../../src/backends/states.js'
import { codesOf, sectionOf, tableOf } from './markdown.js'

const DESIGN = 'docs/design.md'
/** Programs of their own in the same package. */
const STAND_ALONE = ['sample', 'socket-proxy']

t.test('the table of moves in docs/design.md is the one of src/backends/states.ts', async (t) => {
  const moves = tableOf(sectionOf(DESIGN, "## A backend's life")).map(([from, to]) => [
    codesOf(from)[0],
    codesOf(to),
  ])
  t.same(moves, Object.entries(NEXT))
})

t.test('the tree in docs/design.md names every file and folder of src', async (t) => {
  const tree = sectionOf(DESIGN, '## The tree')
  const named = [...tree.matchAll(/^ {2}([\w-]+(?:\/|\.ts)) /gm)].map(([, name]) => name)
  const there = readdirSync('src', { withFileTypes: true })
  t.same(named.sort(), there.map((each) => each.name + (each.isDirectory() ? '/' : '')).sort())
})

t.test(
  'the layers in docs/design.md hold every part of src but the programs that stand alone',
  async (t) => {
    const layers = tableOf(sectionOf(DESIGN, '## Layers'))
    const named = layers.flatMap(([, parts]) => codesOf(parts?.replace(/\(\*\*planned.*/, '')))
    const there = readdirSync('src').map((name) => name.replace(/\.ts$/, ''))
    t.same(named.sort(), there.filter((name) => !STAND_ALONE.includes(name)).sort())
  },
)

t.test('the libraries in docs/design.md are those of package.json', async (t) => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  const named = tableOf(sectionOf(DESIGN, '## Libraries')).map(([name]) => name)
  for (const name of Object.keys(dependencies)) {
    t.ok(
      named.some((cell) => cell?.includes(name)),
      `${name} is there`,
    )
  }
})

import { readFileSync } from 'node:fs'
import t from 'tap'
import { ENTRIES_IN_ORDER } from '../../src/routing/find-row.js'
import { codesOf, sectionOf, tableOf } from './markdown.js'
import { renderRouting } from './routing-table.js'

const ROUTING = 'docs/routing.md'

t.test('the table of docs/routing.md is what the built-in table says', async (t) => {
  const text = readFileSync(ROUTING, 'utf8')
  t.ok(text === renderRouting(text), 'stale: npx tsx test/docs/write-routing.ts')
})

t.test('docs/routing.md lists every built-in pattern', async (t) => {
  const listed = tableOf(sectionOf(ROUTING, '## The built-in table')).flatMap(([, paths]) =>
    codesOf(paths),
  )
  const patterns = ENTRIES_IN_ORDER.map(({ pattern }) => pattern)
  t.same([...listed].sort(), [...patterns].sort())
})

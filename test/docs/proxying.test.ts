import { readFileSync } from 'node:fs'
import t from 'tap'

/** `file` title<br>`file` title: the tests that a cell of the table names. */
const NAMED = /`([a-z0-9-]+)` ((?:(?!<br>| \|).)+)/g

t.test('every test that docs/proxying.md names exists, and no duty is without one', async (t) => {
  const page = readFileSync('docs/proxying.md', 'utf8')
  const table = page.slice(page.indexOf('## Duty and test'))
  t.notMatch(table, 'TODO')
  const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.includes('---'))
  const cells = rows.map((row) => row.split(' | ').at(-1)?.replace(/ \|$/, '') ?? '')
  const named = cells.flatMap((cell) => [...cell.matchAll(NAMED)])
  t.ok(named.length > 80, 'the table was found')
  for (const [, file = '', title = ''] of named) {
    const source = readFileSync(`test/e2e/${file}.test.ts`, 'utf8').replaceAll("\\'", "'")
    t.ok(source.includes(title), `${file}: ${title}`)
  }
})

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { sectionOf, tableOf } from './markdown.js'

const PAGE = 'docs/compatibility.md'
const FOLDER = 'test/e2e'
const WORK = ['## Text', '## Pictures', '## Sound']
/** `file` title: the tests that a cell names, with `<br>` between them. */
const NAMED = /`([a-z0-9-]+)` ((?:(?!<br>).)+)/g
const TITLE = /\bt\.test\(\s*(['"`])((?:\\.|(?!\1).)+)\1/gs

/** What stands in the columns behind program and feature. */
const cells = WORK.flatMap((heading) =>
  tableOf(sectionOf(PAGE, heading)).flatMap(([, , ...those]) => those),
)
const named = cells.flatMap((cell) => [...cell.matchAll(NAMED)])

function titlesOf(file: string): string[] {
  const source = readFileSync(`${FOLDER}/${file}.test.ts`, 'utf8')
  return [...source.matchAll(TITLE)].map(([, , title = '']) => title.replace(/\\(.)/g, '$1'))
}

t.test('every test that docs/compatibility.md names exists under that title', async (t) => {
  t.ok(named.length > 60, 'the tables were found')
  for (const [, file = '', title = ''] of named) {
    t.ok(titlesOf(file).includes(title.trim()), `${file}: ${title}`)
  }
})

t.test('every cell of docs/compatibility.md names a test, or says no or not tried', async (t) => {
  for (const cell of cells) {
    const isSaid = cell === 'not tried' || /^no[:, ]/.test(cell)
    t.ok(isSaid || cell.match(NAMED), cell)
  }
})

t.test('every replay of a program is in docs/compatibility.md', async (t) => {
  const files = readdirSync(FOLDER).filter((name) => name.startsWith('clients-'))
  t.ok(files.length > 5)
  for (const file of files.map((name) => name.replace('.test.ts', ''))) {
    const those = named.filter(([, each]) => each === file).map(([, , title]) => title?.trim())
    t.same(
      titlesOf(file).filter((title) => !those.includes(title)),
      [],
      file,
    )
  }
})

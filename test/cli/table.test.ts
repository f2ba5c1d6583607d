import fc from 'fast-check'
import t from 'tap'
import { layOut } from '../../src/cli/table.js'

t.test('columns are as wide as their widest cell, with two blanks between', (t) => {
  t.strictSame(
    layOut([
      ['a', 'bbb', 'c'],
      ['aaaa', 'b', 'ccccc'],
      ['', 'bb', ''],
    ]),
    ['a     bbb  c', 'aaaa  b    ccccc', '      bb'],
  )
  t.end()
})

t.test('rows may be of different length, or none at all', (t) => {
  t.strictSame(layOut([['only'], ['a', 'b'], []]), ['only', 'a     b', ''])
  t.strictSame(layOut([]), [])
  t.end()
})

t.test('whatever the cells are, each column begins at the same place in every line', (t) => {
  const cell = fc.stringMatching(/^[a-z]{1,9}$/)
  const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(rows, (table) => {
      const lines = layOut(table)
      const width = (at: 0 | 1) => Math.max(...table.map((row) => row[at].length)) + 2
      return table.every(([first, second, third], at) => {
        const line = lines[at] ?? ''
        const places = [0, width(0), width(0) + width(1)]
        const cells = [first, second, third]
        return cells.every((text, column) => line.startsWith(text, places[column]))
      })
    }),
  )
  t.end()
})

import fc from 'fast-check'
import t from 'tap'
import { normalisePath } from '../../src/config/normalise-path.js'
import { type Call, ENTRIES_IN_ORDER, findRow } from '../../src/routing/find-row.js'

const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'BREW')
const knownPath = fc.constantFrom(...ENTRIES_IN_ORDER.map(({ text }) => text.replace(/^\/?/, '/')))
const names = fc.array(fc.string({ maxLength: 6 }), { maxLength: 3 })
const somePath = names.map((parts) => `/${parts.join('/')}`)
const anyPath = fc
  .oneof(
    somePath,
    knownPath,
    fc.tuple(somePath, knownPath, somePath).map((parts) => parts.join('')),
  )
  .map(normalisePath)
  .filter((path) => path !== undefined)

const EXPRESSIONS = ENTRIES_IN_ORDER.map(({ row, pattern }) => {
  const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*')
  return { row, expression: new RegExp(`^${source}$`) }
})

/** All rows that fit, read from the patterns without the index that `findRow` keeps. */
function fittingRows({ method, path }: Call): string[] {
  return EXPRESSIONS.filter(
    ({ row, expression }) =>
      !row.upgrade &&
      (row.methods.length === 0 || row.methods.includes(method)) &&
      expression.test(path),
  ).map(({ row }) => row.id)
}

t.test('every method and path matches exactly one row, the first that fits', async () => {
  fc.assert(
    fc.property(method, anyPath, (method, path) => {
      const call = { method, path, headers: {} }
      return findRow(call).id === fittingRows(call)[0]
    }),
    { numRuns: 5000 },
  )
})

t.test('no GET starts a backend, save the one that speaks', async () => {
  fc.assert(
    fc.property(anyPath, (path) => {
      const row = findRow({ method: 'GET', path, headers: {} })
      return !row.wake || row.id === 'vits-speech'
    }),
    { numRuns: 5000 },
  )
})

/** Other ways to write a character of a path that mean the same. */
function spellingsOf(character: string): string[] {
  const hex = character.charCodeAt(0).toString(16)
  if (character === '/') return ['/', '//', '///']
  return [character, `%${hex}`, `%${hex.toUpperCase()}`]
}

t.test('no spelling of a path slips past its row', async () => {
  const ways = fc.infiniteStream(fc.nat({ max: 2 }))
  const call = fc.tuple(method, knownPath)
  const mount = fc.constantFrom('', '/lcpp', '//lcpp/', '/%6cc%70p')
  fc.assert(
    fc.property(call, fc.tuple(mount, ways), ([method, path], [mount, ways]) => {
      const characters = Array.from(path, (character) => {
        return spellingsOf(character)[ways.next().value ?? 0]
      })
      const spelt = normalisePath(`${mount}${characters.join('')}/?x=1`)
      const settled = path === '/' && mount !== '' ? '/lcpp' : normalisePath(path)
      const call = { method, path: settled ?? '', headers: {} }
      return findRow({ ...call, path: spelt ?? '' }) === findRow(call)
    }),
    { numRuns: 5000 },
  )
})

import fc from 'fast-check'
import t from 'tap'
import { normalisePath } from '../../src/config/normalise-path.js'

const SETTLED: readonly (readonly [url: string, path: string])[] = [
  ['/', '/'],
  ['//', '/'],
  ['/?a=/../b', '/'],
  ['/api/v1/model', '/api/v1/model'],
  ['/api/v1/model/', '/api/v1/model'],
  ['/api/v1/model//', '/api/v1/model'],
  ['//api///v1/model?x=1?y=2', '/api/v1/model'],
  ['/lcpp', '/lcpp'],
  ['/lcpp/', '/lcpp'],
  ['/lcpp/props', '/props'],
  ['//lcpp//props', '/props'],
  ['/lcpp/lcpp/props', '/props'],
  ['/%6ccpp/props', '/props'],
  ['/lcppx/props', '/lcppx/props'],
  ['/LCPP/props', '/LCPP/props'],
  ['/api/v1/gener%61te', '/api/v1/generate'],
  ['/api/v1/gener%2561te', '/api/v1/gener%2561te'],
  ['/a%2Fb', '/a%2Fb'],
  ['/a%2fb', '/a%2Fb'],
  ['/a%25', '/a%25'],
  ['/%7efriend/%2D%5f%2e.', '/~friend/-_..'],
  ['/a\\b', '/a%5Cb'],
  ['/a%5cb', '/a%5Cb'],
  ['/größe', '/gr%F6%DFe'],
  ['/gr%c3%b6', '/gr%C3%B6'],
  ['/a b|c', '/a%20b%7Cc'],
  ["/a!$&'()*+,;=:@b", "/a!$&'()*+,;=:@b"],
  ['/..hidden', '/..hidden'],
  ['/.well-known/serviceinfo', '/.well-known/serviceinfo'],
  ['/v1..2/x..', '/v1..2/x..'],
  ['/.../x', '/.../x'],
  ['/%2e%2e%2e', '/...'],
]

const REFUSED = [
  '',
  '*',
  'api',
  '?a',
  'http://host/api',
  '/.',
  '/..',
  '/../x',
  '/a/./b',
  '/a/../b',
  '/a/..',
  '/a/../',
  '/a//..//b',
  '/%2e%2E/x',
  '/.%2e/x',
  '/%2e/x',
  '/a%2f..',
  '/a%2F..%2Fb',
  '/..%2fb',
  '/mnt..%2f/../x',
  '/a\\..\\b',
  '/..\\b',
  '/..%5cb',
  '/a%5C..',
  '/a%00',
  '/a\u0000b',
  '/a%0d%0ab',
  '/a%1F',
  '/a%7f',
  '/a\u007f',
  '/a\tb',
  '/a%',
  '/a%2',
  '/a%zz',
  '/a%u002e',
  '/a#b',
  '/a\u0100',
]

t.test('a path is brought into the one form that rules are matched on', async (t) => {
  for (const [url, path] of SETTLED) t.equal(normalisePath(url), path, url)
})

t.test('a path that could mean two things is refused', async (t) => {
  for (const url of REFUSED) t.equal(normalisePath(url), undefined, JSON.stringify(url))
})

const pieces = fc.constantFrom(
  ...['/', '//', 'lcpp', 'a', 'B', '.', '..', '%', '%2e', '%2F', '%25', '%61', '%6C', '%5c', '\\'],
  ...['?', '#', 'ö', ' ', '%00', '%c3', '2e', '~', '-', ':', ';'],
)
const url = fc.oneof(
  fc.array(pieces, { maxLength: 12 }).map((parts) => `/${parts.join('')}`),
  fc.string({ unit: 'binary' }),
)

t.test('to normalise again changes nothing, and nothing throws', async () => {
  fc.assert(
    fc.property(url, (any) => {
      const path = normalisePath(any)
      return path === undefined || normalisePath(path) === path
    }),
    { numRuns: 10_000 },
  )
})

t.test('what is let through has one meaning: no dot segment however it is decoded', async () => {
  fc.assert(
    fc.property(url, (any) => {
      const path = normalisePath(any)
      if (path === undefined) return true
      const decoded = path.replace(/%2F|%5C/g, '/')
      return (
        path.startsWith('/') &&
        !path.includes('//') &&
        (path === '/' || !path.endsWith('/')) &&
        !decoded.split('/').some((name) => name === '.' || name === '..')
      )
    }),
    { numRuns: 10_000 },
  )
})

t.test('a hostile path takes no longer than its length', async (t) => {
  const started = performance.now()
  for (const piece of ['/', '/a', '%61', '/.a', '%2F', '/lcpp', 'a.', '\\']) {
    normalisePath(`/${piece.repeat(100_000)}#`)
    normalisePath(`/${piece.repeat(100_000)}!`)
  }
  t.ok(performance.now() - started < 2000)
})

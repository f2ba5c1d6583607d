import t from 'tap'
import { outerLocation } from '../../src/proxy/location.js'

const origin = 'http://127.0.0.1:8188'

/** Base path at the backend, prefix here, what the backend said, what its client reads. */
const CASES: readonly (readonly [base: string, prefix: string, said: string, read: string])[] = [
  ['', '', '/login', '/login'],
  ['', '', `${origin}/login?next=%2F`, '/login?next=%2F'],
  ['', '', origin, '/'],
  ['', '/comfy', '/login', '/comfy/login'],
  ['', '/comfy', '/', '/comfy/'],
  ['', '/comfy', origin, '/comfy/'],
  ['', '/comfy', '/a?b=/c#d', '/comfy/a?b=/c#d'],
  ['/base', '', '/base/login', '/login'],
  ['/base', '', '/base', '/'],
  ['/base', '/here', '/base', '/here'],
  ['/base', '/here', '/base/', '/here/'],
  ['/base', '/here', '/base?x', '/here?x'],
  ['/base', '/here', `${origin}/base/x`, '/here/x'],
  // Not below the base path: it is no place of ours.
  ['/base', '/here', '/basement', '/basement'],
  ['/base', '/here', `${origin}/else`, `${origin}/else`],
  // Elsewhere, or relative to what was asked for.
  ['', '/comfy', 'login', 'login'],
  ['', '/comfy', '../login', '../login'],
  ['', '/comfy', '?page=2', '?page=2'],
  ['', '/comfy', '', ''],
  ['', '/comfy', '//elsewhere/x', '//elsewhere/x'],
  ['', '/comfy', 'https://elsewhere/x', 'https://elsewhere/x'],
  ['', '/comfy', `${origin}0/x`, `${origin}0/x`],
  ['', '/comfy', `${origin}@elsewhere/x`, `${origin}@elsewhere/x`],
]

t.test('a redirection leads to where its client finds it', async (t) => {
  for (const [basePath, prefix, said, read] of CASES) {
    t.equal(
      outerLocation(said, { origin, basePath, prefix }),
      read,
      `${basePath} ${prefix} ${said}`,
    )
  }
})

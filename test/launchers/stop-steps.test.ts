import fc from 'fast-check'
import t from 'tap'
import { stopSteps } from '../../src/launchers/stop-steps.js'

const POLITE = ['SIGINT', 'SIGTERM', 'SIGKILL'] as const
const LAST_WAIT_MS = 5_000

t.test('elsewhere than on Windows the signals share the time, and SIGKILL has its own', (t) => {
  for (const platform of ['linux', 'darwin', 'freebsd', 'android'] as const) {
    t.same(stopSteps(platform, { signals: POLITE, timeoutMs: 3_000 }), [
      { how: 'SIGINT', waitMs: 1_500 },
      { how: 'SIGTERM', waitMs: 1_500 },
      { how: 'SIGKILL', waitMs: LAST_WAIT_MS },
    ])
  }
  t.end()
})

t.test('a recipe that forgets SIGKILL, or knows nothing else, still ends with it', (t) => {
  t.same(
    stopSteps('linux', { signals: ['SIGTERM'], timeoutMs: 10 }).map(({ how }) => how),
    ['SIGTERM', 'SIGKILL'],
  )
  for (const signals of [[], ['SIGKILL']] as const) {
    t.same(stopSteps('linux', { signals, timeoutMs: 10 }), [
      { how: 'SIGKILL', waitMs: LAST_WAIT_MS },
    ])
  }
  t.end()
})

t.test('on Windows the whole tree is asked to end, then ended, whatever the signals', (t) => {
  for (const signals of [POLITE, [], ['SIGTERM']] as const) {
    t.same(stopSteps('win32', { signals, timeoutMs: 3_000 }), [
      { how: 'taskkill', waitMs: 3_000 },
      { how: 'taskkill /F', waitMs: LAST_WAIT_MS },
    ])
  }
  t.end()
})

t.test(
  'no platform waits longer than asked before the last step, which is always by force',
  (t) => {
    const recipe = fc.record({
      signals: fc.array(fc.constantFrom(...POLITE)),
      timeoutMs: fc.nat(1_000_000),
    })
    fc.assert(
      fc.property(
        recipe,
        fc.constantFrom('linux' as const, 'win32' as const),
        (given, platform) => {
          const steps = stopSteps(platform, given)
          const last = steps.at(-1)
          const before = steps.slice(0, -1)
          const waitedMs = before.reduce((sum, { waitMs }) => sum + waitMs, 0)
          return (
            (last?.how === 'SIGKILL' || last?.how === 'taskkill /F') &&
            waitedMs <= given.timeoutMs + 1e-6 &&
            before.every(({ how }) => how !== 'SIGKILL')
          )
        },
      ),
    )
    t.end()
  },
)

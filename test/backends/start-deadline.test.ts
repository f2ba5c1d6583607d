import { performance } from 'node:perf_hooks'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { StartDeadline } from '../../src/backends/start-deadline.js'
import type { Progress } from '../../src/launchers/launcher.js'
import { FakeLauncher, FakeRun } from '../helpers/fake-launcher.js'

const LIMIT_MS = 1_000
const LONGEST_MS = 3 * LIMIT_MS
/** How far apart the looks at a start are, at this limit. */
const LOOK_MS = 125
const STALL_MS = 500
const KIB = 1024

/** A start that shows this progress after so many milliseconds, by a clock that only the test winds on. */
function beginStart(t: Test, limitMs: number, progressAt?: (ms: number) => Partial<Progress>) {
  const begun = 1_000 // whole, so that steps of whole milliseconds add up exactly
  let now = begun
  mock.timers.enable({ apis: ['setTimeout'] })
  const clock = t.intercept(performance, 'now', { value: () => now })
  const deadline = new StartDeadline(limitMs)
  const run = new FakeRun(new FakeLauncher('process', 'http://127.0.0.1:1'), 1)
  run.progress = async () => ({ outputBytes: 0, memoryBytes: 0, ...progressAt?.(now - begun) })
  if (progressAt) deadline.watch(run)
  t.teardown(() => {
    deadline.close()
    mock.timers.reset()
    clock.restore()
  })
  const wind = async (ms: number) => {
    now += ms
    mock.timers.tick(ms)
    await new Promise(setImmediate)
  }
  return { deadline, wind, end: () => endOf(deadline, wind) }
}

/** After how many milliseconds it was given up, to within 25; Infinity: not in a long time. */
async function endOf(deadline: StartDeadline, wind: (ms: number) => Promise<void>) {
  for (let ms = 25; ms <= 10 * LIMIT_MS; ms += 25) {
    await wind(25)
    if (deadline.signal.aborted) return ms
  }
  return Number.POSITIVE_INFINITY
}

t.test('a start that shows nothing is given up at its limit, in words', async (t) => {
  const { deadline, end } = beginStart(t, LIMIT_MS, () => ({}))
  t.equal(await end(), LIMIT_MS)
  t.equal(deadline.reason, 'it was not ready after 1.0 s')
})

t.test('a start of which nothing runs yet is given up at its limit too', async (t) => {
  t.equal(await beginStart(t, LIMIT_MS).end(), LIMIT_MS)
})

t.test('what it printed and took long before its limit does not help it', async (t) => {
  const early = () => ({ outputBytes: 5_000, memoryBytes: 1e9 })
  t.equal(await beginStart(t, LIMIT_MS, early).end(), LIMIT_MS)
})

for (const [what, progressAt] of [
  ['prints', (ms: number) => ({ outputBytes: Math.floor(Math.min(ms, 1_800) / 100) })],
  ['takes memory', (ms: number) => ({ memoryBytes: Math.min(ms, 1_800) * 10 * KIB })],
] as const) {
  t.test(`a start that still ${what} goes on until it stalls`, async (t) => {
    const gaveUpMs = await beginStart(t, LIMIT_MS, progressAt).end()
    t.ok(gaveUpMs >= 1_800 + STALL_MS, `after ${gaveUpMs} ms`)
    t.ok(gaveUpMs <= 1_800 + STALL_MS + 2 * LOOK_MS, `after ${gaveUpMs} ms`)
  })
}

t.test('no start goes on beyond three times its limit, whatever it prints', async (t) => {
  const { deadline, end } = beginStart(t, LIMIT_MS, (ms) => ({ outputBytes: ms }))
  const gaveUpMs = await end()
  t.ok(gaveUpMs >= LONGEST_MS && gaveUpMs <= LONGEST_MS + LOOK_MS, `after ${gaveUpMs} ms`)
  t.match(deadline.reason, /^it was not ready after 3\.[0-2] s$/)
})

t.test('memory that rises and falls a little, or shrinks, is no progress', async (t) => {
  const flutter = (ms: number) => ({ memoryBytes: 1e9 + (Math.floor(ms / 125) % 2) * 60 * KIB })
  t.equal(await beginStart(t, LIMIT_MS, flutter).end(), LIMIT_MS)
})

t.test('memory that is given back is no progress either', async (t) => {
  const shrinks = (ms: number) => ({ memoryBytes: 1e9 - ms * KIB })
  t.equal(await beginStart(t, LIMIT_MS, shrinks).end(), LIMIT_MS)
})

t.test('memory that grows slowly is progress in the end', async (t) => {
  const slowly = (ms: number) => ({ memoryBytes: ms * 400 })
  t.ok((await beginStart(t, LIMIT_MS, slowly).end()) >= LONGEST_MS)
})

t.test('a limit of 0 is none', async (t) => {
  const { deadline, wind } = beginStart(t, 0, () => ({}))
  await wind(365 * 24 * 3_600_000)
  t.notOk(deadline.signal.aborted)
})

t.test('one that is closed asks for no progress any more', async (t) => {
  let asked = 0
  const { deadline, wind } = beginStart(t, LIMIT_MS, () => {
    asked += 1
    return {}
  })
  await wind(LIMIT_MS - STALL_MS)
  t.equal(asked, 1)
  deadline.close()
  for (let time = 0; time < 9; time += 1) await wind(LIMIT_MS)
  t.equal(asked, 1)
})

t.test('one that is closed while it asks does not look again', async (t) => {
  let answer: (progress: Progress) => void = () => {}
  let asked = 0
  const { deadline, wind } = beginStart(t, LIMIT_MS)
  const run = new FakeRun(new FakeLauncher('process', 'http://127.0.0.1:1'), 1)
  run.progress = () => {
    asked += 1
    return new Promise((resolve) => {
      answer = resolve
    })
  }
  deadline.watch(run)
  await wind(LIMIT_MS - STALL_MS)
  deadline.close()
  answer({ outputBytes: 1, memoryBytes: 0 })
  for (let time = 0; time < 9; time += 1) await wind(LIMIT_MS)
  t.equal(asked, 1)
})

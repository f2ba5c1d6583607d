import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Liveness } from '../../src/backends/liveness.js'

const INTERVAL_MS = 10_000

/** A watch over a backend that the test scripts, by a clock that only the test winds on. */
function watch(t: Test, intervalMs = INTERVAL_MS) {
  mock.timers.enable({ apis: ['setTimeout'] })
  const backend = {
    isIdle: true,
    answers: async () => true,
    asked: 0,
    deaths: 0,
  }
  const liveness = new Liveness({
    intervalMs,
    isIdle: () => backend.isIdle,
    ask: () => {
      backend.asked += 1
      return backend.answers()
    },
    onDead: () => {
      backend.deaths += 1
    },
  })
  t.teardown(() => {
    liveness.stop()
    mock.timers.reset()
  })
  const pass = async (intervals: number) => {
    for (let passed = 0; passed < intervals; passed += 1) {
      mock.timers.tick(INTERVAL_MS)
      await new Promise(setImmediate)
    }
  }
  return { liveness, backend, pass }
}

/** An answer that the test gives later. */
function later() {
  let give: (answers: boolean) => void = () => {}
  const answer = new Promise<boolean>((resolve) => {
    give = resolve
  })
  return { answers: () => answer, give: (answers: boolean) => give(answers) }
}

t.test('a backend with nothing to do is asked once in each interval', async (t) => {
  const { liveness, backend, pass } = watch(t)
  await pass(3)
  t.equal(backend.asked, 0, 'not before it is started')
  liveness.start()
  mock.timers.tick(INTERVAL_MS - 1)
  t.equal(backend.asked, 0, 'nor at once')
  mock.timers.tick(1)
  t.equal(backend.asked, 1)
  await new Promise(setImmediate)
  await pass(9)
  t.equal(backend.asked, 10)
  t.equal(backend.deaths, 0)
})

t.test('a busy backend is never asked', async (t) => {
  const { liveness, backend, pass } = watch(t)
  backend.answers = async () => false
  backend.isIdle = false
  liveness.start()
  await pass(50)
  t.same([backend.asked, backend.deaths], [0, 0])
  backend.isIdle = true
  await pass(1)
  t.equal(backend.asked, 1, 'but it is as soon as it has nothing to do')
})

t.test('it is dead after three failures in a row, which is told once', async (t) => {
  const { liveness, backend, pass } = watch(t)
  backend.answers = async () => false
  liveness.start()
  await pass(2)
  t.same([backend.asked, backend.deaths], [2, 0])
  await pass(1)
  t.same([backend.asked, backend.deaths], [3, 1])
  await pass(9)
  t.same([backend.asked, backend.deaths], [3, 1], 'and it is not asked any more')
})

t.test('an answer in between makes up for the failures before it', async (t) => {
  const { liveness, backend, pass } = watch(t)
  liveness.start()
  for (const answers of [false, false, true, false, false, true, false, false]) {
    backend.answers = async () => answers
    await pass(1)
  }
  t.same([backend.asked, backend.deaths], [8, 0])
  backend.answers = async () => false
  await pass(1)
  t.equal(backend.deaths, 1)
})

t.test('work in between makes up for the failures before it', async (t) => {
  const { liveness, backend, pass } = watch(t)
  backend.answers = async () => false
  liveness.start()
  await pass(2)
  backend.isIdle = false
  await pass(1)
  backend.isIdle = true
  await pass(2)
  t.same([backend.asked, backend.deaths], [4, 0])
})

t.test('no answer is held against a backend that got work while it was asked', async (t) => {
  const { liveness, backend, pass } = watch(t)
  liveness.start()
  for (let time = 0; time < 9; time += 1) {
    const { answers, give } = later()
    Object.assign(backend, { isIdle: true, answers })
    await pass(1)
    backend.isIdle = false
    give(false)
    await new Promise(setImmediate)
  }
  t.same([backend.asked, backend.deaths], [9, 0])
})

t.test('who is slow to answer is not asked a second time meanwhile', async (t) => {
  const { liveness, backend, pass } = watch(t)
  const { answers, give } = later()
  backend.answers = answers
  liveness.start()
  await pass(9)
  t.equal(backend.asked, 1)
  give(true)
  await new Promise(setImmediate)
  await pass(1)
  t.equal(backend.asked, 2)
})

t.test('a stop ends it, even while it asks', async (t) => {
  const { liveness, backend, pass } = watch(t)
  const { answers, give } = later()
  liveness.start()
  liveness.stop()
  await pass(3)
  t.equal(backend.asked, 0)
  liveness.start()
  backend.answers = async () => false
  await pass(2)
  backend.answers = answers
  await pass(1)
  liveness.stop()
  give(false)
  await pass(9)
  t.same([backend.asked, backend.deaths], [3, 0])
})

t.test('one that is started again begins to count anew, and asks no more often', async (t) => {
  const { liveness, backend, pass } = watch(t)
  backend.answers = async () => false
  liveness.start()
  await pass(2)
  liveness.start()
  liveness.start()
  await pass(2)
  t.same([backend.asked, backend.deaths], [4, 0])
  await pass(1)
  t.equal(backend.deaths, 1)
})

t.test('an interval of 0 never asks', async (t) => {
  const { liveness, backend, pass } = watch(t, 0)
  liveness.start()
  await pass(1_000)
  t.equal(backend.asked, 0)
})

import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { StartFailure } from '../../src/launchers/launcher.js'
import { illegalMoves, readyBackend, stageBackend } from '../helpers/backend.js'

const BEGIN = 1_700_000_000_000

/** A clock of dates that only the test winds on. */
function stopClock(t: Test) {
  let nowMs = BEGIN
  mock.timers.enable({ apis: ['Date'], now: nowMs })
  t.teardown(() => mock.timers.reset())
  return (ms: number) => {
    nowMs += ms
    mock.timers.setTime(nowMs)
  }
}

t.test('a crash is told in words, and the next ask starts again at once', async (t) => {
  const stage = await readyBackend(t)
  stage.launcher.last.exit({ signal: 'SIGSEGV' })
  await stage.is('failed')
  t.match(stage.backend.status(), { state: 'failed', reason: 'it crashed (SIGSEGV)' })
  t.equal(stage.crashes, 1)
  ;(await stage.lease()).end()
  t.same([stage.state(), stage.launcher.starts], ['ready', 2])
  t.same(illegalMoves(stage.moves), [])
})

t.test('a backend that exits with code 0 while it is needed has crashed too', async (t) => {
  const stage = await readyBackend(t)
  stage.launcher.last.exit({ code: 0 })
  await stage.is('failed')
  t.match(stage.moves.at(-1), { reason: 'it exited with code 0' })
  t.equal(stage.crashes, 1)
})

t.test(
  'a second crash soon after the first is answered with the reason until it may be tried',
  async (t) => {
    const wind = stopClock(t)
    const stage = await readyBackend(t)
    stage.launcher.last.exit({ code: 7 })
    await stage.is('failed')
    ;(await stage.lease()).end()
    stage.launcher.last.exit({ code: 8 })
    await stage.is('failed')
    for (const ask of [stage.lease(), stage.lease({ lane: false })]) {
      await t.rejects(ask, {
        code: 'GATEHOUSE_BACKING_OFF',
        retryAfterSeconds: 1,
        message:
          'The text backend failed and is tried again in 1 s. The last failure: it exited with code 8.',
      })
    }
    t.equal(stage.launcher.starts, 2)
    wind(999)
    await t.rejects(stage.lease(), { code: 'GATEHOUSE_BACKING_OFF', retryAfterSeconds: 1 })
    wind(1)
    ;(await stage.lease()).end()
    t.equal(stage.launcher.starts, 3)
  },
)

t.test('a crash after a long healthy run is forgiven each time', async (t) => {
  const wind = stopClock(t)
  const stage = await readyBackend(t)
  for (let time = 0; time < 3; time += 1) {
    wind(60_000)
    stage.launcher.last.exit()
    await stage.is('failed')
    ;(await stage.lease()).end()
  }
  t.same([stage.launcher.starts, stage.crashes], [4, 3])
})

t.test('failed starts are tried again after 1 s, 2 s, 4 s, and not before', async (t) => {
  const wind = stopClock(t)
  const stage = await stageBackend(t)
  stage.launcher.startError = new StartFailure('no')
  for (const seconds of [1, 2, 4]) {
    await t.rejects(stage.lease(), { code: 'GATEHOUSE_START_FAILED' })
    await t.rejects(stage.lease(), {
      code: 'GATEHOUSE_BACKING_OFF',
      retryAfterSeconds: seconds,
      message: /The last failure: no\./,
    })
    wind(seconds * 1_000)
  }
  t.equal(stage.launcher.starts, 3)
  stage.launcher.startError = undefined
  ;(await stage.lease()).end()
  t.same(illegalMoves(stage.moves), [])
})

t.test('failed starts are forgotten after a long healthy run that was stopped', async (t) => {
  const wind = stopClock(t)
  const stage = await stageBackend(t)
  stage.launcher.startError = new StartFailure('no')
  for (let time = 0; time < 3; time += 1) {
    await t.rejects(stage.lease())
    wind(60_000)
  }
  stage.launcher.startError = undefined
  ;(await stage.lease()).end()
  wind(24 * 3_600_000)
  await stage.backend.stop('idle')
  stage.launcher.startError = new StartFailure('no')
  await t.rejects(stage.lease(), { code: 'GATEHOUSE_START_FAILED' })
  await t.rejects(stage.lease(), { code: 'GATEHOUSE_BACKING_OFF', retryAfterSeconds: 1 })
})

t.test('what a crash leaves behind is ended before the next start', async (t) => {
  const stage = await readyBackend(t)
  stage.launcher.stopGate.shut()
  stage.launcher.last.exit()
  await stage.is('failed')
  t.equal(stage.launcher.last.recipes.length, 1)
  const ask = stage.lease()
  await stage.is('queued')
  t.equal(stage.launcher.starts, 1)
  stage.launcher.stopGate.open()
  ;(await ask).end()
  t.equal(stage.launcher.starts, 2)
})

t.test('a lease of a run that crashed ends without harm to the next run', async (t) => {
  const stage = await stageBackend(t, { settings: { concurrency: 2 } })
  const [old, other] = [await stage.lease(), await stage.lease()]
  stage.launcher.last.exit()
  await stage.is('failed')
  t.equal(stage.backend.status().inFlight, 0)
  old.end()
  const lease = await stage.lease()
  t.equal(stage.backend.status().inFlight, 1)
  other.end()
  old.unreachable()
  old.end()
  t.match(stage.backend.status(), { state: 'ready', inFlight: 1 })
  lease.end()
  t.equal(stage.backend.status().inFlight, 0)
})

t.test('an idle timer of a run that crashed does not stop the next one', async (t) => {
  const stage = await stageBackend(t, { settings: { idleTimeout: '40ms' } })
  const old = await stage.lease()
  stage.launcher.last.exit()
  await stage.is('failed')
  old.end()
  t.equal(stage.state(), 'failed')
  const lease = await stage.lease()
  await sleep(120)
  t.equal(stage.state(), 'ready')
  lease.end()
})

t.test(
  'a backend of somebody else that does not answer is looked at again by the next ask',
  async (t) => {
    const stage = await stageBackend(t, { kind: 'external', settings: { dialect: 'a1111' } })
    stage.probe.reply = { status: 503, body: '' }
    for (let time = 0; time < 3; time += 1) {
      await t.rejects(stage.lease(), {
        code: 'GATEHOUSE_START_FAILED',
        message: /it does not answer, and it is not started by Gatehouse/,
      })
      t.equal(stage.state(), 'failed')
    }
    stage.probe.reply = { status: 200, body: '' }
    ;(await stage.lease()).end()
    t.equal(stage.launcher.starts, 4, 'each ask looked, without a backoff')
    t.same(illegalMoves(stage.moves), [])
  },
)

t.test('a backend of somebody else that a request could not reach has failed', async (t) => {
  const stage = await stageBackend(t, { kind: 'external', settings: { concurrency: 2 } })
  const [first, second] = [await stage.lease(), await stage.lease()]
  first.unreachable()
  t.match(stage.backend.status(), { state: 'failed', reason: 'it does not answer' })
  first.end()
  const third = await stage.lease({ lane: false })
  second.unreachable()
  t.equal(stage.state(), 'ready', 'the news of an older look do not count')
  second.end()
  third.end()
  t.same(illegalMoves(stage.moves), [])
})

t.test(
  'a backend of ours that a request could not reach may still be ready for others',
  async (t) => {
    const stage = await stageBackend(t)
    const lease = await stage.lease()
    lease.unreachable()
    t.equal(stage.state(), 'ready')
    lease.end()
  },
)

t.test('news of an unreachable backend during its stop are no illegal move', async (t) => {
  const stage = await stageBackend(t, { kind: 'external' })
  const lease = await stage.lease()
  const stopped = stage.backend.stop('shutdown')
  lease.unreachable()
  lease.end()
  await stopped
  t.same(illegalMoves(stage.moves), [])
})

t.test(
  'a backend of somebody else that answers, but wrongly, is not said not to answer',
  async (t) => {
    const stage = await stageBackend(t, { kind: 'external', settings: { dialect: 'koboldcpp' } })
    stage.probe.reply = { status: 200, body: '{"result":"KoboldCpp","llm":false}' }
    await t.rejects(stage.lease(), { message: /has no model loaded for text/ })
  },
)

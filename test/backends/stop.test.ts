import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { StartFailure } from '../../src/launchers/launcher.js'
import {
  ASK,
  illegalMoves,
  isPending,
  LOADING,
  readyBackend,
  stageBackend,
} from '../helpers/backend.js'
import { until } from '../helpers/until.js'

t.test('a stop of a ready backend ends its run by the recipe of its dialect', async (t) => {
  const stage = await readyBackend(t, { settings: { stopTimeout: '7s' } })
  await stage.backend.stop('asked by the user')
  t.same(stage.path().slice(-3), ['ready', 'stopping', 'stopped'])
  t.match(stage.moves.at(-1), { reason: 'asked by the user' })
  t.same(stage.launcher.last.recipes, [{ signals: ['SIGTERM', 'SIGKILL'], timeoutMs: 7_000 }])
  t.match(stage.backend.status(), { state: 'stopped', pid: undefined })
  t.equal(stage.crashes, 0)
})

t.test('a stop of what is not running does nothing', async (t) => {
  const stage = await stageBackend(t)
  await stage.backend.stop('asked by the user')
  t.same(stage.path(), ['stopped'])
})

t.test('a stop during a start tells its waiters why, and nothing lives after it', async (t) => {
  const stage = await stageBackend(t, { settings: { concurrency: 0 } })
  stage.probe.reply = LOADING
  const asks = [stage.lease(), stage.lease()]
  await until('it was asked', () => stage.probe.asked > 0)
  const stopped = stage.backend.stop('asked by the user')
  const said = 'The text backend could not start: it was stopped (asked by the user).'
  for (const ask of asks) await t.rejects(ask, { message: said })
  await stopped
  t.same(stage.path(), ['stopped', 'queued', 'starting', 'stopping', 'stopped'])
  t.match(stage.starts, [{ outcome: 'stopped' }])
  t.equal(stage.launcher.living.length, 0)
})

t.test(
  'a stop while the launcher is at work waits for it, and nothing lives after it',
  async (t) => {
    for (const failure of [undefined, new StartFailure('no')]) {
      const stage = await stageBackend(t)
      stage.launcher.startGate.shut()
      stage.launcher.startError = failure
      const ask = stage.lease()
      await stage.is('starting')
      const stopped = stage.backend.stop('asked by the user')
      t.ok(await isPending(stopped))
      stage.launcher.startGate.open()
      await t.rejects(ask, { message: /it was stopped/ })
      await stopped
      t.same([stage.state(), stage.launcher.living.length], ['stopped', 0])
      t.same(illegalMoves(stage.moves), [])
    }
  },
)

t.test('a stop of a start that waits for the end of the last run starts nothing', async (t) => {
  const stage = await readyBackend(t)
  stage.launcher.stopGate.shut()
  stage.launcher.last.exit()
  await stage.is('failed')
  const ask = stage.lease()
  await stage.is('queued')
  const stopped = stage.backend.stop('asked by the user')
  stage.launcher.stopGate.open()
  await t.rejects(ask, { message: /it was stopped/ })
  await stopped
  t.same([stage.state(), stage.launcher.starts], ['stopped', 1])
})

t.test('a stop lets running requests end', async (t) => {
  const stage = await stageBackend(t, { settings: { concurrency: 2 } })
  const leases = [await stage.lease(), await stage.lease()]
  const stopped = stage.backend.stop('asked by the user')
  t.equal(stage.state(), 'stopping')
  leases[0]?.end()
  t.ok(await isPending(stopped))
  t.same(stage.launcher.last.recipes, [])
  leases[1]?.end()
  await stopped
  t.same([stage.state(), stage.launcher.living.length], ['stopped', 0])
})

t.test('requests that do not end in time do not hold a stop up', async (t) => {
  const stage = await stageBackend(t, { drainTimeoutMs: 20 })
  const lease = await stage.lease()
  await stage.backend.stop('asked by the user')
  t.same([stage.state(), stage.launcher.living.length], ['stopped', 0])
  const next = stage.lease()
  lease.end()
  await next
  t.equal(stage.backend.status().inFlight, 1, 'the old lease does not count on the new run')
})

t.test('a second stop shares the first', async (t) => {
  const stage = await readyBackend(t)
  await Promise.all([stage.backend.stop('first'), stage.backend.stop('second')])
  t.equal(stage.launcher.last.recipes.length, 1)
  t.equal(stage.moves.filter(({ to }) => to === 'stopped').length, 1)
  t.equal(stage.moves.at(-1)?.reason, 'first')
})

t.test('an ask during a stop waits for its end and then starts again', async (t) => {
  const stage = await readyBackend(t)
  stage.launcher.stopGate.shut()
  const stopped = stage.backend.stop('asked by the user')
  const ask = stage.lease()
  t.ok(await isPending(ask))
  t.equal(stage.launcher.starts, 1)
  stage.launcher.stopGate.open()
  await stopped
  ;(await ask).end()
  t.same([stage.launcher.starts, stage.launcher.most], [2, 1])
  t.same(illegalMoves(stage.moves), [])
})

t.test('a stop of a failed backend waits for what is left of it', async (t) => {
  const stage = await readyBackend(t)
  stage.launcher.stopGate.shut()
  stage.launcher.last.exit()
  await stage.is('failed')
  const stopped = stage.backend.stop('asked by the user')
  t.ok(await isPending(stopped))
  stage.launcher.stopGate.open()
  await stopped
  t.same(illegalMoves(stage.moves), [])
})

t.test('a backend that ends while it is being stopped has not crashed', async (t) => {
  const stage = await stageBackend(t)
  const lease = await stage.lease()
  const stopped = stage.backend.stop('asked by the user')
  stage.launcher.last.exit()
  await isPending(stopped)
  lease.end()
  await stopped
  t.same([stage.state(), stage.crashes], ['stopped', 0])
})

t.test('an idle backend is stopped, one with a request is not', async (t) => {
  const stage = await stageBackend(t, { settings: { idleTimeout: '20ms' } })
  const lease = await stage.lease()
  await sleep(80)
  t.equal(stage.state(), 'ready')
  lease.end()
  await stage.is('stopped')
  t.equal(stage.moves.at(-1)?.reason, 'idle')
  ;(await stage.lease()).end()
  await until('it stopped again', () => stage.path().filter((to) => to === 'stopped').length === 3)
  t.same(illegalMoves(stage.moves), [])
})

t.test('a backend that nobody used after its start is stopped for idleness too', async (t) => {
  const stage = await stageBackend(t, { settings: { idleTimeout: '20ms' } })
  await stage.backend.start(ASK.signal)
  await stage.is('stopped')
  t.equal(stage.moves.at(-1)?.reason, 'idle')
})

import t from 'tap'
import { GatehouseError } from '../../src/errors.js'
import { ASK, isPending, LOADING, readyBackend, stageBackend } from '../helpers/backend.js'
import { until } from '../helpers/until.js'

const closing = new GatehouseError('GATEHOUSE_STOPPING')

t.test('a stop that fails is recorded, and the backend can be started again', async (t) => {
  const stage = await readyBackend(t)
  stage.launcher.stopError = new Error('process group 7 outlived its stop')
  await stage.backend.stop('asked by the user')
  t.same(stage.leftBehind, [stage.launcher.stopError])
  t.equal(stage.state(), 'failed')
  stage.launcher.stopError = undefined
  stage.launcher.last.kill()
  ;(await stage.lease()).end()
  t.equal(stage.launcher.starts, 2)
})

t.test('what outlived its stop is still killed when the gateway dies', async (t) => {
  const stage = await readyBackend(t)
  stage.launcher.stopError = new Error('process group 7 outlived its stop')
  await stage.backend.stop('asked by the user')
  stage.backend.kill()
  t.equal(stage.launcher.living.length, 0)
})

t.test('a kill ends the run at once, whatever its state', async (t) => {
  const stage = await stageBackend(t)
  stage.backend.kill()
  stage.probe.reply = LOADING
  const ask = stage.lease()
  await until('it was asked', () => stage.probe.asked > 0)
  stage.backend.kill()
  t.equal(stage.launcher.living.length, 0)
  await t.rejects(ask)
})

t.test('a backend that is released stops being ours, and lives on', async (t) => {
  const stage = await stageBackend(t)
  const lease = await stage.lease()
  const released = stage.backend.release()
  t.ok(await isPending(released), 'running requests end first')
  lease.end()
  await released
  t.match(stage.launcher.last, { isAlive: true, isReleased: true, recipes: [] })
  t.equal(stage.state(), 'stopped')
})

t.test('a backend that refuses sends away who waits in the lane and who asks later', async (t) => {
  const stage = await stageBackend(t)
  const running = await stage.lease()
  const waiting = [stage.lease({ client: 'b' }), stage.lease({ client: 'c' })]
  stage.backend.refuse(closing)
  for (const wait of waiting) await t.rejects(wait, closing)
  running.end()
  await t.rejects(stage.lease(), closing)
  await t.rejects(stage.lease({ lane: false }), closing)
  await t.rejects(stage.backend.start(ASK.signal), closing)
})

t.test('who waits for a start is refused with the same error once that is stopped', async (t) => {
  const stage = await stageBackend(t)
  stage.probe.reply = LOADING
  const ask = stage.lease()
  await until('it was asked', () => stage.probe.asked > 0)
  stage.backend.refuse(closing)
  await stage.backend.stop('shutdown')
  await t.rejects(ask, closing)
  t.equal(stage.launcher.living.length, 0)
})

t.test(
  'a backend that was closed during a stop is not started by who waited for that',
  async (t) => {
    const stage = await readyBackend(t)
    stage.launcher.stopGate.shut()
    const idle = stage.backend.stop('idle')
    const ask = stage.lease()
    t.ok(await isPending(ask))
    stage.backend.refuse(closing)
    const closed = stage.backend.stop('shutdown')
    stage.launcher.stopGate.open()
    await Promise.all([idle, closed])
    await t.rejects(ask, closing)
    t.same([stage.state(), stage.launcher.starts], ['stopped', 1])
  },
)

t.test('who asks a refusing backend does not wait in its lane first', async (t) => {
  const stage = await stageBackend(t)
  const running = await stage.lease()
  stage.backend.refuse(closing)
  const ask = stage.lease()
  t.notOk(await isPending(ask))
  running.end()
  await t.rejects(ask, closing)
})

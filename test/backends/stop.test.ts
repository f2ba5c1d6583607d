import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Move } from '../../src/backends/recorder.js'
import type { State } from '../../src/backends/states.js'
import { GatehouseError } from '../../src/errors.js'
import { StartFailure } from '../../src/launchers/launcher.js'
import { illegalMoves, LOADING, type Scene, type Stage, stageBackend } from '../helpers/backend.js'
import { until } from '../helpers/until.js'

const closing = new GatehouseError('GATEHOUSE_STOPPING')

/** Whether a promise is still pending after everything that is due now has happened. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true
  const settled = () => {
    pending = false
  }
  promise.then(settled, settled)
  for (let turn = 0; turn < 9; turn += 1) await new Promise(setImmediate)
  return pending
}

async function ready(t: Test, scene: Scene = {}): Promise<Stage> {
  const stage = await stageBackend(t, scene)
  ;(await stage.lease()).end()
  return stage
}

t.test('a stop of a ready backend ends its run by the recipe of its dialect', async (t) => {
  const stage = await ready(t, { settings: { stopTimeout: '7s' } })
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
  const stage = await ready(t)
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
  const stage = await ready(t)
  await Promise.all([stage.backend.stop('first'), stage.backend.stop('second')])
  t.equal(stage.launcher.last.recipes.length, 1)
  t.equal(stage.moves.filter(({ to }) => to === 'stopped').length, 1)
  t.equal(stage.moves.at(-1)?.reason, 'first')
})

t.test('an ask during a stop waits for its end and then starts again', async (t) => {
  const stage = await ready(t)
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
  const stage = await ready(t)
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

t.test('a stop that fails is recorded, and the backend can be started again', async (t) => {
  const stage = await ready(t)
  stage.launcher.stopError = new Error('process group 7 outlived its stop')
  await stage.backend.stop('asked by the user')
  t.same(stage.leftBehind, [stage.launcher.stopError])
  t.equal(stage.state(), 'stopped')
  stage.launcher.stopError = undefined
  stage.launcher.last.kill()
  ;(await stage.lease()).end()
  t.equal(stage.launcher.starts, 2)
})

t.test(
  'what outlived its stop is still killed when the gateway dies',
  { todo: 'after a failed stop #run is forgotten, so that kill() no longer reaches it' },
  async (t) => {
    const stage = await ready(t)
    stage.launcher.stopError = new Error('process group 7 outlived its stop')
    await stage.backend.stop('asked by the user')
    stage.backend.kill()
    t.equal(stage.launcher.living.length, 0)
  },
)

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
  await stage.backend.start(t.signal)
  await stage.is('stopped')
  t.equal(stage.moves.at(-1)?.reason, 'idle')
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
  await t.rejects(stage.backend.start(t.signal), closing)
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
    const stage = await ready(t)
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

t.test(
  'who asks a refusing backend does not wait in its lane first',
  {
    todo: 'lease() looks at the refusal only when it has its turn: a shutdown holds new asks until the drain ends',
  },
  async (t) => {
    const stage = await stageBackend(t)
    const running = await stage.lease()
    stage.backend.refuse(closing)
    const ask = stage.lease()
    t.notOk(await isPending(ask))
    running.end()
    await t.rejects(ask, closing)
  },
)

t.test(
  'who waits for a start is refused at once, as the doc of refuse() says',
  {
    todo: 'refuse() reaches the lane only; who waits for a start hears of it when that ends or is stopped',
  },
  async (t) => {
    const stage = await stageBackend(t)
    stage.launcher.startGate.shut()
    const ask = stage.lease()
    await stage.is('starting')
    stage.backend.refuse(closing)
    t.notOk(await isPending(ask))
    stage.launcher.startGate.open()
    await t.rejects(ask, closing)
  },
)

/** Calls back so many microtasks later. */
function afterTicks(ticks: number, then: () => void): void {
  if (ticks === 0) then()
  else queueMicrotask(() => afterTicks(ticks - 1, then))
}

/** Stops a backend so many ticks after it came to a state, and sees that nothing is left and all goes on. */
async function stopAfter(t: Test, at: State, ticks: number): Promise<void> {
  const stage = await stageBackend(t, { settings: { concurrency: 0 } })
  if (at === 'failed') stage.launcher.startError = new StartFailure('no')
  let stopped: Promise<void> | undefined
  stage.onMove = ({ to }: Move) => {
    if (to !== at || stopped) return
    afterTicks(ticks, () => {
      stopped = stage.backend.stop('the end')
      stopped.catch(() => {})
    })
  }
  const [ask] = await Promise.allSettled([stage.lease()])
  if (ask.status === 'fulfilled') ask.value.end()
  await until('it was told to stop', () => stopped !== undefined)
  await t.resolves(stopped as unknown as Promise<void>, `${ticks} ticks after ${at}`)
  t.same(illegalMoves(stage.moves), [])
  t.equal(stage.launcher.living.length, 0, `nothing lives ${ticks} ticks after ${at}`)
  stage.launcher.startError = undefined
  if (at === 'failed') return
  ;(await stage.lease()).end()
  await t.resolves(stage.backend.stop('the very end'), 'it can be started and stopped again')
}

for (const at of ['queued', 'starting', 'ready'] as const) {
  t.test(`a stop in any tick after ${at} leaves nothing behind`, async (t) => {
    for (let ticks = 1; ticks <= 16; ticks += 1) await stopAfter(t, at, ticks)
  })
}

t.test(
  'a stop in any tick after failed leaves nothing behind',
  {
    todo: '#starting outlives the move to failed by a few ticks, and failed → stopping is illegal',
  },
  async (t) => {
    for (let ticks = 1; ticks <= 16; ticks += 1) await stopAfter(t, 'failed', ticks)
  },
)

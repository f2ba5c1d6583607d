import { mock } from 'node:test'
import t from 'tap'
import { NEXT, STATES } from '../../src/backends/states.js'
import { StartFailure } from '../../src/launchers/launcher.js'
import { ASK, illegalMoves, LOADING, stageBackend, UP } from '../helpers/backend.js'
import { until } from '../helpers/until.js'

const left = new Error('left')
const many = { settings: { concurrency: 0 } }

t.test('every state can be reached from `stopped`, and `stopped` from every state', (t) => {
  const reach = (from: (typeof STATES)[number]) => {
    const seen = new Set([from])
    for (const state of seen) for (const next of NEXT[state]) seen.add(next)
    return seen
  }
  for (const state of STATES) {
    t.ok(reach('stopped').has(state), state)
    t.ok(reach(state).has('stopped'), `back from ${state}`)
    t.notOk(NEXT[state].includes(state), `${state} is no move from itself`)
  }
  t.end()
})

t.test('the first ask starts it, and each move is recorded with its reason', async (t) => {
  const stage = await stageBackend(t)
  t.match(stage.backend.status(), { state: 'stopped', reason: 'not asked for yet', inFlight: 0 })
  const lease = await stage.lease()
  t.same(stage.path(), ['stopped', 'queued', 'starting', 'ready'])
  t.same(illegalMoves(stage.moves), [])
  t.match(stage.starts, [{ backend: 'text', outcome: 'ready', durationMs: Number }])
  t.match(stage.backend.status(), { state: 'ready', inFlight: 1, pid: stage.launcher.last.pid })
  lease.end()
  t.equal(stage.backend.status().inFlight, 0)
})

t.test('many asks at once share one start', async (t) => {
  const stage = await stageBackend(t, many)
  stage.launcher.startGate.shut()
  const asks = Array.from({ length: 20 }, () => stage.lease())
  await stage.is('starting')
  asks.push(stage.lease())
  stage.launcher.startGate.open()
  t.equal((await Promise.all(asks)).length, 21)
  t.equal(stage.launcher.starts, 1)
  t.equal(stage.backend.status().inFlight, 21)
})

t.test('it is ready only once its probe says so', async (t) => {
  const stage = await stageBackend(t)
  stage.probe.reply = LOADING
  const ask = stage.lease()
  await until('it was asked several times', () => stage.probe.asked > 2)
  t.equal(stage.state(), 'starting')
  stage.probe.reply = UP
  await ask
  t.equal(stage.state(), 'ready')
})

t.test('a failed start tells everybody who waits for it why', async (t) => {
  const stage = await stageBackend(t, many)
  const cause = new StartFailure('port 5001 is already in use')
  stage.launcher.startError = cause
  stage.launcher.startGate.shut()
  const asks = [
    stage.lease(),
    stage.lease(),
    stage.lease({ lane: false }),
    stage.backend.start(ASK.signal),
  ]
  stage.launcher.startGate.open()
  for (const outcome of await Promise.allSettled(asks)) {
    t.match(outcome, {
      status: 'rejected',
      reason: {
        code: 'GATEHOUSE_START_FAILED',
        message: 'The text backend could not start: port 5001 is already in use.',
        cause,
      },
    })
  }
  t.equal(stage.launcher.starts, 1)
  t.match(stage.moves.at(-1), { to: 'failed', reason: cause.message, cause })
  t.match(stage.starts, [{ outcome: 'failed' }])
  t.match(stage.backend.status(), { waiting: 0, inFlight: 0 })
})

t.test('who waits in the lane behind a failed start hears its reason too', async (t) => {
  const stage = await stageBackend(t)
  stage.launcher.startError = new StartFailure('it has no wheels')
  const asks = await Promise.allSettled([stage.lease(), stage.lease(), stage.lease()])
  for (const ask of asks) t.match(ask, { reason: { message: /it has no wheels/ } })
  t.match(asks.slice(1), [{ reason: { code: 'GATEHOUSE_BACKING_OFF' } }, {}])
  t.equal(stage.launcher.starts, 1)
})

t.test('a failure that nobody foresaw is not shown to the client', async (t) => {
  const stage = await stageBackend(t)
  stage.launcher.startError = new Error('ENOSPC: /home/jo/.local')
  await t.rejects(stage.lease(), {
    message: 'The text backend could not start: an internal error.',
    cause: stage.launcher.startError,
  })
})

t.test('an exit before ready is a failure, whatever its code', async (t) => {
  for (const code of [0, 1]) {
    const stage = await stageBackend(t)
    stage.probe.reply = LOADING
    stage.launcher.output = ['loading', 'error: out of memory']
    const ask = stage.lease()
    await until('it was asked', () => stage.probe.asked > 0)
    stage.launcher.last.exit({ code })
    const said = `it exited with code ${code} before it was ready: out of memory; its last output was: loading | error: out of memory`
    await t.rejects(ask, { code: 'GATEHOUSE_START_FAILED', message: said })
    t.match(stage.moves.at(-1), { to: 'failed', output: stage.launcher.output })
    t.equal(stage.crashes, 0, 'it is no crash')
  }
})

t.test('a run that can never become ready is ended at once', async (t) => {
  const stage = await stageBackend(t, { settings: { dialect: 'koboldcpp' } })
  stage.probe.reply = { status: 200, body: '{"result":"KoboldCpp","llm":false}' }
  await t.rejects(stage.lease(), { message: /it runs, but has no model loaded for text/ })
  await stage.backend.stop('the end')
  t.equal(stage.launcher.living.length, 0)
})

t.test('a start that takes too long is given up and ended', async (t) => {
  const stage = await stageBackend(t, { settings: { startTimeout: '150ms' } })
  stage.probe.reply = LOADING
  await t.rejects(stage.lease(), {
    code: 'GATEHOUSE_START_FAILED',
    message: /it was not ready (within|after) /,
  })
  await until('it is ended', () => stage.launcher.living.length === 0)
  t.equal(stage.state(), 'failed')
})

t.test('a start timeout of 0 is no limit, as with the other timeouts', async (t) => {
  const stage = await stageBackend(t, { settings: { startTimeout: '0' } })
  stage.probe.reply = LOADING
  const ask = stage.lease()
  await until('it was asked', () => stage.probe.asked > 2 || stage.state() === 'failed')
  stage.probe.reply = UP
  await t.resolves(ask)
})

t.test('a client who leaves during a start harms nobody else', async (t) => {
  const stage = await stageBackend(t, many)
  stage.launcher.startGate.shut()
  const leaver = new AbortController()
  const [leaving, staying] = [stage.lease({ signal: leaver.signal }), stage.lease()]
  await stage.is('starting')
  leaver.abort(left)
  await t.rejects(leaving, left)
  stage.launcher.startGate.open()
  await staying
  t.equal(stage.backend.status().inFlight, 1)
})

t.test('a client who leaves during a start gives its turn to the next', async (t) => {
  const stage = await stageBackend(t)
  stage.launcher.startGate.shut()
  const leaver = new AbortController()
  const leaving = stage.lease({ signal: leaver.signal })
  const staying = stage.lease()
  t.equal(stage.backend.status().waiting, 1)
  leaver.abort(left)
  await t.rejects(leaving, left)
  t.equal(stage.backend.status().waiting, 0)
  stage.launcher.startGate.open()
  ;(await staying).end()
  t.equal(stage.launcher.starts, 1)
})

t.test('a start whose only client has left still becomes ready, for the next', async (t) => {
  const stage = await stageBackend(t)
  stage.launcher.startGate.shut()
  const leaver = new AbortController()
  const leaving = stage.lease({ signal: leaver.signal })
  await stage.is('starting')
  leaver.abort(left)
  await t.rejects(leaving, left)
  stage.launcher.startGate.open()
  await stage.is('ready')
  t.same([stage.backend.status().inFlight, stage.launcher.starts], [0, 1])
})

t.test('a client who had left before it asked starts nothing', async (t) => {
  const stage = await stageBackend(t)
  const signal = AbortSignal.abort(left)
  await t.rejects(stage.lease({ signal }), left)
  await t.rejects(stage.lease({ signal, lane: false }), left)
  t.equal(stage.launcher.starts, 0)
})

t.test('a start that was given up before it began starts nothing', async (t) => {
  const stage = await stageBackend(t)
  await t.rejects(stage.backend.start(AbortSignal.abort(left)), left)
  t.same(stage.path(), ['stopped'])
})

t.test('two processes never live at once: a start waits for the end of the last run', async (t) => {
  mock.timers.enable({ apis: ['Date'], now: 1e12 })
  t.teardown(() => mock.timers.reset())
  const stage = await stageBackend(t)
  stage.probe.reply = LOADING
  stage.launcher.stopGate.shut()
  const failing = stage.lease()
  await until('it was asked', () => stage.probe.asked > 0)
  stage.probe.reply = { status: 404, body: '' }
  stage.launcher.last.exit()
  await t.rejects(failing, { code: 'GATEHOUSE_START_FAILED' })
  mock.timers.setTime(1e12 + 60_000)
  stage.probe.reply = UP
  const next = stage.lease()
  await until('its stop was asked for', () => stage.launcher.last.recipes.length === 1)
  for (let turn = 0; turn < 9; turn += 1) await new Promise(setImmediate)
  t.same([stage.state(), stage.launcher.starts], ['queued', 1])
  stage.launcher.stopGate.open()
  await next
  t.same([stage.launcher.starts, stage.launcher.most], [2, 1])
})

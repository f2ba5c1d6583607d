import t from 'tap'
import { illegalMoves, isPending, LOADING, readyBackend, stageBackend } from '../helpers/backend.js'
import { FakeRun } from '../helpers/fake-launcher.js'
import { until } from '../helpers/until.js'

const left = new Error('left')
const later = () => new Promise(setImmediate)

t.test('a lease counts on its backend until it ends, however often it is ended', async (t) => {
  const stage = await stageBackend(t, { settings: { concurrency: 2 } })
  const [lease, other] = [await stage.lease(), await stage.lease()]
  t.equal(stage.backend.status().inFlight, 2)
  lease.end()
  lease.end()
  t.equal(stage.backend.status().inFlight, 1)
  other.end()
  t.equal(stage.backend.status().inFlight, 0)
  t.ok(lease.queueWaitMs >= 0 && lease.startWaitMs >= 0)
  t.equal(lease.dialect.name, 'openai')
  t.equal(lease.config, stage.backend.config)
})

t.test('a lease reaches its backend', async (t) => {
  const stage = await stageBackend(t)
  const lease = await stage.lease()
  const body = await new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    lease.upstream.dispatch(
      { path: '/', method: 'GET' },
      {
        onConnect: () => {},
        onHeaders: () => true,
        onData: (chunk) => chunks.push(chunk) > 0,
        onComplete: () => resolve(String(Buffer.concat(chunks))),
        onError: reject,
      },
    )
  })
  t.equal(body, '{}')
  lease.end()
})

t.test('an ask that may not wake anybody never starts a backend', async (t) => {
  const stage = await stageBackend(t)
  const expected = { code: 'GATEHOUSE_NOT_RUNNING', message: /text backend is not running/ }
  await t.rejects(stage.lease({ wake: false }), expected)
  t.equal(stage.launcher.starts, 0)
  stage.probe.reply = LOADING
  const start = stage.lease()
  await until('it was asked', () => stage.probe.asked > 0)
  await t.rejects(stage.lease({ wake: false }), expected, 'nor does it wait for a start')
  stage.probe.reply = { status: 200, body: '' }
  ;(await start).end()
  ;(await stage.lease({ wake: false })).end()
  await stage.backend.stop('the end')
  await t.rejects(stage.lease({ wake: false }), expected)
})

t.test('an ask that waits in the lane when its backend stops does not wake it again', async (t) => {
  const stage = await stageBackend(t)
  const running = await stage.lease()
  const waiting = stage.lease({ wake: false })
  const stopped = stage.backend.stop('asked by the user')
  running.end()
  await t.rejects(waiting, { code: 'GATEHOUSE_NOT_RUNNING' })
  await stopped
  t.equal(stage.launcher.starts, 1)
  ;(await stage.lease()).end()
  t.pass('and has given its turn back')
})

t.test('what KoboldCpp would let wait unseen is refused while it is busy', async (t) => {
  const settings = { dialect: 'koboldcpp', concurrency: 2 }
  const stage = await stageBackend(t, { settings })
  stage.probe.reply = { status: 200, body: '{"result":"KoboldCpp"}' }
  const lease = await stage.lease()
  for (const lane of [true, false]) {
    await t.rejects(stage.lease({ onlyIdle: true, lane }), { code: 'GATEHOUSE_BUSY' })
  }
  lease.end()
  ;(await stage.lease({ onlyIdle: true })).end()
})

t.test('a backend that does not let asks wait unseen takes them while it is busy', async (t) => {
  const stage = await readyBackend(t)
  const lease = await stage.lease()
  ;(await stage.lease({ onlyIdle: true, lane: false })).end()
  lease.end()
})

t.test('one more than may wait is refused with the time after which to try again', async (t) => {
  const stage = await stageBackend(t, { settings: { queueLimit: 1 } })
  const running = await stage.lease()
  const waiting = stage.lease()
  t.equal(stage.backend.status().waiting, 1)
  await t.rejects(stage.lease(), { code: 'GATEHOUSE_LANE_FULL', retryAfterSeconds: 5 })
  ;(await stage.lease({ lane: false })).end()
  running.end()
  ;(await waiting).end()
})

t.test('a client who leaves the lane leaves nothing there', async (t) => {
  const stage = await stageBackend(t)
  const running = await stage.lease()
  const leaver = new AbortController()
  const leaving = stage.lease({ signal: leaver.signal })
  leaver.abort(left)
  await t.rejects(leaving, left)
  t.match(stage.backend.status(), { waiting: 0, inFlight: 1 })
  running.end()
  ;(await stage.lease()).end()
})

t.test('a client who leaves in any tick around its turn leaves nothing counted', async (t) => {
  const stage = await readyBackend(t)
  for (let ticks = 0; ticks < 24; ticks += 1) {
    const running = await stage.lease()
    const leaver = new AbortController()
    const asked = stage.lease({ signal: leaver.signal })
    running.end()
    let reached = 0
    const step = () => {
      reached += 1
      if (reached > ticks) leaver.abort(left)
      else queueMicrotask(step)
    }
    step()
    const [outcome] = await Promise.allSettled([asked])
    if (outcome.status === 'fulfilled') outcome.value.end()
    await later()
    t.match(stage.backend.status(), { waiting: 0, inFlight: 0 }, `${ticks} ticks`)
    ;(await stage.lease()).end()
  }
})

t.test('clients of a lane take turns at the backend', async (t) => {
  const stage = await readyBackend(t)
  const order: string[] = []
  const running = await stage.lease({ client: 'z' })
  const waits = ['a1', 'a2', 'b1'].map(async (name) => {
    const lease = await stage.lease({ client: name.slice(0, 1) })
    order.push(name)
    lease.end()
  })
  running.end()
  await Promise.all(waits)
  t.same(order, ['a1', 'b1', 'a2'])
})

t.test('what an earlier gateway left is gone on with, if it still answers', async (t) => {
  const stage = await stageBackend(t)
  stage.launcher.left = new FakeRun(stage.launcher, 7)
  await stage.backend.adopt()
  ;(await stage.lease()).end()
  t.same([stage.launcher.starts, stage.backend.status().pid], [0, 7])
  t.same(illegalMoves(stage.moves), [])
})

t.test('where nothing was left, nothing is started', async (t) => {
  const stage = await stageBackend(t)
  await stage.backend.adopt()
  t.ok(await isPending(new Promise(() => {})))
  t.same(stage.path(), ['stopped'])
})

t.test('what was left and is of no use is ended, and then started anew', async (t) => {
  const stage = await stageBackend(t, { settings: { dialect: 'koboldcpp' } })
  stage.launcher.left = new FakeRun(stage.launcher, 7)
  stage.probe.reply = { status: 200, body: '{"result":"KoboldCpp","llm":false}' }
  await stage.backend.adopt()
  await until('it is ended', () => stage.launcher.living.length === 0)
  t.same(illegalMoves(stage.moves), [])
})

t.test('an ask after a failed adoption starts the backend at once', async (t) => {
  const stage = await stageBackend(t, { settings: { dialect: 'koboldcpp' } })
  stage.launcher.left = new FakeRun(stage.launcher, 7)
  stage.probe.reply = { status: 200, body: '{"result":"KoboldCpp","llm":false}' }
  await stage.backend.adopt()
  await until('it is ended', () => stage.launcher.living.length === 0)
  stage.probe.reply = { status: 200, body: '{"result":"KoboldCpp"}' }
  await t.resolves(stage.lease())
})

t.test(
  'an ask that comes while it is not yet known what was left does not start a second process',
  async (t) => {
    const stage = await stageBackend(t)
    stage.launcher.left = new FakeRun(stage.launcher, 7)
    stage.launcher.adoptGate.shut()
    const adopted = stage.backend.adopt()
    const asked = stage.lease()
    await isPending(asked)
    stage.launcher.adoptGate.open()
    const outcomes = await Promise.allSettled([adopted, asked])
    t.same(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'fulfilled'],
    )
    t.ok(stage.launcher.living.length <= 1)
  },
)

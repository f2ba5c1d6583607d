import t from 'tap'
import { History, waitOf } from '../../src/backends/history.js'

t.test('recent requests count more for how long the next will take', (t) => {
  const history = new History()
  t.equal(history.serviceMs, undefined)
  history.served(1_000)
  t.equal(history.serviceMs, 1_000)
  for (let i = 0; i < 20; i += 1) history.served(3_000)
  t.ok(Math.abs((history.serviceMs ?? 0) - 3_000) < 20)
  t.end()
})

t.test('a wait is the start and the rounds before it, and unknown where either is', (t) => {
  const idle = { running: 0, waiting: 0, concurrency: 1, serviceMs: 2_000, readyMs: 0 }
  t.equal(waitOf(idle), 0)
  t.equal(waitOf({ ...idle, running: 1 }), 2_000)
  t.equal(waitOf({ ...idle, running: 1, waiting: 2 }), 6_000)
  t.equal(waitOf({ ...idle, running: 2, waiting: 1, concurrency: 2 }), 2_000)
  t.equal(
    waitOf({ ...idle, running: 9, waiting: 9, concurrency: 0 }),
    0,
    'nobody waits without a limit',
  )
  t.equal(waitOf({ ...idle, running: 1, readyMs: 5_000 }), 7_000)
  t.equal(waitOf({ ...idle, readyMs: undefined }), undefined)
  t.equal(waitOf({ ...idle, running: 1, serviceMs: undefined }), undefined)
  t.equal(waitOf({ ...idle, serviceMs: undefined }), 0)
  t.end()
})

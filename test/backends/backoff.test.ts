import t from 'tap'
import { Backoff } from '../../src/backends/backoff.js'

const HEALTHY_MS = 60_000

t.test('a backend that never failed may be tried', (t) => {
  const backoff = new Backoff()
  t.equal(backoff.remainingMs(0), 0)
  t.equal(backoff.remainingMs(1e15), 0)
  t.end()
})

t.test('failed starts wait for 1 s, doubling to 60 s', (t) => {
  const backoff = new Backoff()
  let nowMs = 1_000_000
  for (const waitS of [1, 2, 4, 8, 16, 32, 60, 60, 60]) {
    backoff.startFailed(nowMs)
    t.equal(backoff.remainingMs(nowMs), waitS * 1_000)
    t.equal(backoff.remainingMs(nowMs + waitS * 1_000 - 1), 1)
    nowMs += waitS * 1_000
    t.equal(backoff.remainingMs(nowMs), 0)
    t.equal(backoff.remainingMs(nowMs + 1), 0)
  }
  for (let time = 0; time < 2_000; time += 1) backoff.startFailed(nowMs)
  t.equal(backoff.remainingMs(nowMs), 60_000, 'however often')
  t.end()
})

t.test('the first crash is forgiven, the next one of a short run is not', (t) => {
  const backoff = new Backoff()
  backoff.crashed(0, 10)
  t.equal(backoff.remainingMs(0), 0)
  backoff.crashed(100, HEALTHY_MS - 1)
  t.equal(backoff.remainingMs(100), 1_000)
  backoff.crashed(2_000, 10)
  t.equal(backoff.remainingMs(2_000), 2_000)
  t.end()
})

t.test('a crash after a healthy run is forgiven, whatever came before', (t) => {
  const backoff = new Backoff()
  for (let time = 0; time < 5; time += 1) backoff.startFailed(0)
  backoff.crashed(100_000, HEALTHY_MS)
  t.equal(backoff.remainingMs(100_000), 0)
  backoff.crashed(100_001, 1)
  t.equal(backoff.remainingMs(100_001), 1_000, 'and counts from the start again')
  t.end()
})

t.test('a crash after failed starts is forgiven, and they are not forgotten', (t) => {
  const backoff = new Backoff()
  backoff.startFailed(0)
  backoff.startFailed(1_000)
  backoff.crashed(5_000, 10)
  t.equal(backoff.remainingMs(5_000), 0)
  backoff.startFailed(6_000)
  t.equal(backoff.remainingMs(6_000), 4_000)
  t.end()
})

t.test('a reset forgets everything', (t) => {
  const backoff = new Backoff()
  backoff.crashed(0, 0)
  backoff.startFailed(0)
  backoff.reset()
  t.equal(backoff.remainingMs(0), 0)
  backoff.crashed(0, 0)
  t.equal(backoff.remainingMs(0), 0)
  backoff.startFailed(0)
  t.equal(backoff.remainingMs(0), 1_000)
  t.end()
})

import t from 'tap'
import { Rhythm } from '../../src/memory/rhythm.js'

const MOST_MS = 10_000

/** A rhythm after requests that rest at these times and are asked for so much later. */
function after(gapsMs: readonly number[]): { rhythm: Rhythm; nowMs: number } {
  const rhythm = new Rhythm()
  let nowMs = 1_000
  for (const gapMs of gapsMs) {
    rhythm.rested(nowMs)
    nowMs += gapMs
    rhythm.asked(nowMs)
  }
  rhythm.rested(nowMs)
  return { rhythm, nowMs }
}

t.test('who comes back within moments is expected back', (t) => {
  const { rhythm, nowMs } = after([2_000, 2_000, 2_000])
  t.equal(rhythm.expectedUntilMs(MOST_MS), nowMs + 3_000)
  rhythm.asked(nowMs + 100)
  t.equal(rhythm.expectedUntilMs(MOST_MS), 0, 'it is here')
  t.end()
})

t.test('who comes back after a while is not waited for', (t) => {
  t.equal(after([9_000, 9_000]).rhythm.expectedUntilMs(MOST_MS), 0)
  t.equal(after([]).rhythm.expectedUntilMs(MOST_MS), 0, 'nor is whoever never did')
  t.end()
})

t.test('a break is no gap, and those who wait in line leave none', (t) => {
  const { rhythm, nowMs } = after([2_000, 600_000, 0, 2_000, 0])
  t.equal(rhythm.expectedUntilMs(MOST_MS), nowMs + 3_000)
  t.end()
})

import { mock } from 'node:test'
import t, { type Test } from 'tap'
import type { State } from '../../src/backends/states.js'
import { LiveLine, liveText } from '../../src/cli/live-line.js'

const BEGIN = 1_700_000_000_000
const EVERY_MS = 200
const CLEAR_LINE = '\r\x1b[2K'
const QUEUED = 'text is starting: 0.0 s, waits for its turn to start'

/** A live line on a screen that the test reads, by a clock that only the test winds on. */
function openLine(t: Test) {
  mock.timers.enable({ apis: ['setInterval', 'Date'], now: BEGIN })
  let written = ''
  const line = new LiveLine({
    write: (text) => {
      written += text
    },
  })
  t.teardown(() => {
    line.close()
    mock.timers.reset()
  })
  return {
    line,
    move: (to: State, backend = 'text') =>
      line.moved({ backend, to, from: 'stopped', pid: undefined, reason: 'asked for' }),
    /** What was written since the last look. */
    seen: () => {
      const text = written
      written = ''
      return text
    },
    /** The last line as a person sees it. */
    shown: () => written.slice(written.lastIndexOf(CLEAR_LINE) + CLEAR_LINE.length),
  }
}

t.test('each backend that starts is told with its time and what it waits for', (t) => {
  const starting = new Map([
    ['text', { since: BEGIN - 12_340, waitsFor: 'its model to load' }],
    ['image', { since: BEGIN, waitsFor: 'its turn to start' }],
  ])
  t.equal(
    liveText(starting, BEGIN),
    'text is starting: 12.3 s, waits for its model to load; ' +
      'image is starting: 0.0 s, waits for its turn to start',
  )
  t.equal(liveText(new Map(), BEGIN), '')
  t.end()
})

t.test('a start is shown from its first move, and its time goes on', (t) => {
  const { move, shown } = openLine(t)
  move('queued')
  t.equal(shown(), QUEUED)
  mock.timers.tick(EVERY_MS)
  t.equal(shown(), 'text is starting: 0.2 s, waits for its turn to start')
  move('starting')
  t.equal(shown(), 'text is starting: 0.2 s, waits for its model to load')
  mock.timers.tick(5 * EVERY_MS)
  t.equal(shown(), 'text is starting: 1.2 s, waits for its model to load')
  t.end()
})

for (const end of ['ready', 'failed', 'stopping', 'stopped'] as const) {
  t.test(`the line is cleared once a backend is ${end}, and stays so`, (t) => {
    const { move, seen } = openLine(t)
    move('queued')
    seen()
    move(end)
    t.equal(seen(), CLEAR_LINE)
    mock.timers.tick(10 * EVERY_MS)
    t.equal(seen(), '')
    t.end()
  })
}

t.test('those that still start stay when another is ready', (t) => {
  const { move, shown } = openLine(t)
  move('queued')
  move('starting', 'image')
  t.match(shown(), /^text is .*; image is .*load$/)
  move('ready', 'image')
  t.equal(shown(), QUEUED)
  t.end()
})

t.test('a backend that starts again begins at 0', (t) => {
  const { move, shown } = openLine(t)
  move('queued')
  mock.timers.tick(10 * EVERY_MS)
  move('failed')
  move('queued')
  t.equal(shown(), QUEUED)
  t.end()
})

t.test('whole lines are printed above the live one, which never stands twice', (t) => {
  const { line, move, seen } = openLine(t)
  line.print('nothing starts\n')
  t.equal(seen(), `${CLEAR_LINE}nothing starts\n`)
  move('queued')
  t.equal(seen(), `${CLEAR_LINE}${QUEUED}`)
  line.print('one\n')
  t.equal(seen(), `${CLEAR_LINE}one\n${QUEUED}`)
  t.end()
})

t.test('a close clears the line, and nothing is drawn by itself any more', (t) => {
  const { line, move, seen } = openLine(t)
  move('starting')
  seen()
  line.close()
  t.equal(seen(), CLEAR_LINE)
  mock.timers.tick(10 * EVERY_MS)
  t.equal(seen(), '')
  t.end()
})

t.test('what is no move leaves the line alone', (t) => {
  const { line, move, seen } = openLine(t)
  move('queued')
  seen()
  line.started()
  line.crashed()
  line.leftBehind()
  t.equal(seen(), '')
  t.end()
})

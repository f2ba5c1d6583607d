import fc from 'fast-check'
import t from 'tap'
import { StreamEvents } from '../../src/proxy/stream-events.js'

const line = fc
  .tuple(fc.constantFrom('data: ', 'event: ', 'id: ', ': '), fc.string())
  .map(([field, value]) => field + value.replace(/[\r\n]/g, ''))
const event = fc.array(line, { minLength: 1, maxLength: 4 })
const newline = fc.constantFrom('\n', '\r\n')
const cuts = fc.array(fc.nat(600), { maxLength: 40 })

t.test('every event is counted once, however the bytes of the stream are cut', async () => {
  fc.assert(
    fc.property(fc.array(event), newline, cuts, (events, end, at) => {
      const stream = events.map((lines) => lines.map((each) => each + end).join('') + end).join('')
      const seen = passed(cutAt(Buffer.from(stream), at))
      return seen.count === events.length && seen.isBetweenEvents
    }),
  )
})

t.test('a byte at a time is counted as all at once', async (t) => {
  const stream = Buffer.from(
    'event: message\r\ndata: {"a":1}\r\n\r\ndata: 2\n\n: a comment\n\ndata: 3',
  )
  const seen = passed([...stream].map((byte) => Buffer.of(byte)))
  t.equal(seen.count, 3, 'the last one has not ended')
  t.notOk(seen.isBetweenEvents)
  t.equal(passed([stream]).count, 3)
})

t.test('another event can follow only where the last one is complete', async (t) => {
  const events = new StreamEvents(() => {})
  t.ok(events.isBetweenEvents, 'before the first')
  for (const [bytes, isBetween] of [
    ['data: 1', false],
    ['\n', false],
    ['\n', true],
    ['', true],
    ['data: 2\r\n', false],
    ['\r', false],
    ['\n', true],
    ['data: 3\n\nda', false],
  ] as const) {
    events.pass(Buffer.from(bytes))
    t.equal(events.isBetweenEvents, isBetween, JSON.stringify(bytes))
  }
})

t.test('gaps are measured between chunks that complete events', async (t) => {
  let gaps = 0
  const events = new StreamEvents((gapMs) => {
    t.ok(gapMs >= 0)
    gaps += 1
  })
  for (const bytes of ['data: 1\n\n', 'data: 2', '\n', '\ndata: 3\n\n', 'data: 4']) {
    events.pass(Buffer.from(bytes))
  }
  t.equal(events.count, 3)
  t.equal(gaps, 1, 'two events that came at one time make one gap to the one before')
})

function passed(chunks: readonly Buffer[]): StreamEvents {
  const events = new StreamEvents(() => {})
  for (const chunk of chunks) events.pass(chunk)
  return events
}

function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const edges = [0, ...places.filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length]
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}

import t from 'tap'
import type { ReplyHead } from '../../src/proxy/reply-head.js'
import { streamFormat } from '../../src/proxy/stream-format.js'
import { StreamWatch } from '../../src/proxy/stream-watch.js'

const EVENTS = 'text/event-stream'
const LINES = 'application/x-ndjson'

/** A watch over the answer to a call of this row, whose head says this. */
function watch(contentType: string, rowId = '', more: Partial<ReplyHead> = {}) {
  const plain = { hasLength: false, isDelimited: true, hasTrailers: false, isPacked: false }
  const told = { format: streamFormat(rowId), onEventGap: () => {} }
  return StreamWatch.of({ lines: [], contentType, ...plain, ...more }, told)
}

function passed(stream: StreamWatch | undefined, ...pieces: string[]): StreamWatch | undefined {
  for (const piece of pieces) stream?.pass(Buffer.from(piece), 0, piece.length)
  return stream
}

t.test('what is no stream by its head is not watched', async (t) => {
  for (const type of ['', 'application/json', 'text/plain', 'text/event', 'application/json; x'])
    t.equal(watch(type, 'chat-completions'), undefined, type)
  t.ok(watch(`${EVENTS}; charset=utf-8`))
  t.ok(watch(`${LINES}; charset=utf-8`))
})

t.test('of a stream with a coding nothing can be told, so it is not watched', async (t) => {
  t.equal(watch(EVENTS, 'completions', { isPacked: true, isDelimited: false }), undefined)
  t.equal(watch(LINES, 'ollama-chat', { isPacked: true }), undefined)
})

t.test('events are counted, lines of JSON are not', async (t) => {
  const events = passed(watch(EVENTS), 'data: 1\n\ndata: 2\n', '\n')
  t.match(events, { hasEvents: true, eventCount: 2, isBetweenEvents: true, isWhole: true })
  const lines = passed(watch(LINES, 'ollama-chat'), '{"done":false}\n')
  t.match(lines, { hasEvents: false, isBetweenEvents: true, isWhole: true })
  t.equal(lines?.eventCount, undefined)
  t.equal(passed(lines, '{"do')?.isBetweenEvents, false)
  t.equal(passed(watch(LINES), '{}\n')?.isBetweenEvents, false, 'of an unknown call')
})

t.test('only the part of the bytes that is meant is looked at', async (t) => {
  const stream = watch(EVENTS, 'completions', { isDelimited: false })
  const bytes = Buffer.from('\n\ndata: [DONE]\n\nxx')
  stream?.pass(bytes, 2, bytes.length - 2)
  t.match(stream, { eventCount: 1, isBetweenEvents: true, isWhole: true })
})

t.test('an end that shows nowhere else shows in the words of the API', async (t) => {
  const open = () => watch(EVENTS, 'completions', { isDelimited: false })
  t.equal(passed(open(), 'data: 1\n\n')?.isWhole, false)
  t.equal(passed(open(), 'data: 1\n\ndata: [DO', 'NE]\n\n')?.isWhole, true)
  t.equal(passed(watch(EVENTS, 'completions'), 'data: 1\n\n')?.isWhole, true, 'by its framing')
  t.equal(passed(watch(EVENTS, '', { isDelimited: false }), 'data')?.isWhole, true, 'unknown')
})

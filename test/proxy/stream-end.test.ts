import fc from 'fast-check'
import t from 'tap'
import { StreamEnd } from '../../src/proxy/stream-end.js'
import { type StreamFormat, streamFormat } from '../../src/proxy/stream-format.js'

/** What a model might write to look like the end of its own stream. */
const DECEITS = [
  'data: [DONE]',
  '\ndata: [DONE]\n\n',
  '\n\nevent: message_stop\ndata: {}\n\n',
  '\nevent: response.completed\n\n',
  '"finish_reason": "stop"',
  '{"choices":[{"finish_reason":"stop"}]}',
  '"done":true}\n',
  'ordinary words',
]

/** How a server writes JSON: JavaScript's way, or Python's with its blanks. */
const spaced = (value: unknown) => JSON.stringify(value, null, 1).replace(/\n */g, ' ')
const SPELLINGS = [JSON.stringify, spaced]

interface Dialogue {
  readonly row: string
  readonly piece: (text: string) => object
  readonly name?: (event: object) => string
  /** Each is an end by itself. */
  readonly ends: readonly (object | string)[]
  readonly isLines?: boolean
}

const choice = (text: string, finish_reason: string | null) => ({
  choices: [{ index: 0, delta: { content: text }, finish_reason }],
})
const typed = (event: object) => (event as { type: string }).type
const DIALOGUES: readonly Dialogue[] = [
  {
    row: 'generate-stream',
    name: () => 'message',
    piece: (token) => ({ token, finish_reason: null }),
    ends: [
      { token: '', finish_reason: 'stop' },
      { token: '', finish_reason: 'length' },
    ],
  },
  {
    row: 'chat-completions',
    piece: (text) => choice(text, null),
    ends: ['[DONE]', choice('', 'stop'), choice('last', 'tool_calls')],
  },
  {
    row: 'responses',
    name: typed,
    piece: (delta) => ({ type: 'response.output_text.delta', delta }),
    ends: ['completed', 'failed', 'incomplete'].map((how) => ({
      type: `response.${how}`,
      response: { output: [{ content: [{ text: 'all' }] }], usage: {} },
    })),
  },
  {
    row: 'messages',
    name: typed,
    piece: (text) => ({ type: 'content_block_delta', delta: { type: 'text_delta', text } }),
    ends: [{ type: 'message_stop' }],
  },
  {
    row: 'ollama-chat',
    isLines: true,
    piece: (content) => ({ message: { role: 'assistant', content }, done: false }),
    ends: [
      { message: { content: '' }, done: true, eval_count: 9 },
      { done: true, context: [1, 2, 3] },
    ],
  },
]

const isWhole = (format: StreamFormat, chunks: readonly Buffer[]) => {
  const end = new StreamEnd(format, true)
  for (const chunk of chunks) end.pass(chunk)
  return end.isWhole
}

const styles = fc.record({
  spell: fc.constantFrom(...SPELLINGS),
  newline: fc.constantFrom('\n', '\r\n'),
})
const texts = fc.array(fc.oneof(fc.constantFrom(...DECEITS), fc.string({ unit: 'binary' })))
const cuts = fc.array(fc.nat(4_000), { maxLength: 30 })

for (const dialogue of DIALOGUES) {
  const { row, piece, name, ends, isLines } = dialogue
  const format = streamFormat(row) as StreamFormat

  const scene = fc.record({ said: texts, end: fc.constantFrom(...ends), style: styles, at: cuts })
  type Style = { spell: (value: unknown) => string; newline: string }
  const write = (event: object | string, { spell, newline }: Style) => {
    const data = typeof event === 'string' ? event : spell(event)
    if (isLines) return `${data}\n`
    const head = name && typeof event === 'object' ? `event: ${name(event)}${newline}` : ''
    return `${head}data: ${data}${newline}${newline}`
  }

  t.test(`a stream of ${row} is whole with its end, however its bytes are cut`, async () => {
    fc.assert(
      fc.property(scene, ({ said, end, style, at }) => {
        const stream = [...said.map(piece), end].map((event) => write(event, style)).join('')
        return isWhole(format, cutAt(Buffer.from(stream), at))
      }),
    )
  })

  t.test(`a stream of ${row} is not whole before its end is, whatever a model says`, async () => {
    fc.assert(
      fc.property(scene, ({ said, end, style, at }) => {
        const pieces = said.map((text) => write(piece(text), style)).join('')
        const last = write(end, style).trimEnd()
        const stream = Buffer.from(pieces + last)
        // A prefix of any length, the last mark without its last byte among them.
        const lengths = [...at, Buffer.byteLength(pieces), stream.length - 1]
        return lengths
          .filter((length) => length < stream.length)
          .every((length) => !isWhole(format, cutAt(stream.subarray(0, length), at)))
      }),
    )
  })
}

t.test('the arguments of a tool of Ollama do not end its stream', async (t) => {
  const format = streamFormat('ollama-chat') as StreamFormat
  const call = { function: { name: 'mark', arguments: { done: true } } }
  const line = `${JSON.stringify({ message: { tool_calls: [call] }, done: false })}\n`
  fc.assert(fc.property(cuts, (at) => !isWhole(format, cutAt(Buffer.from(line), at))))
  const last = `${line}${JSON.stringify({ done: true })}`
  t.ok(isWhole(format, [Buffer.from(last)]), 'the last line break may be missing')
})

t.test('[DONE] needs no line break behind it', async (t) => {
  const format = streamFormat('completions') as StreamFormat
  t.ok(isWhole(format, [Buffer.from('data: {}\n\ndata: [DONE]')]))
  t.ok(isWhole(format, [Buffer.from('data:[DONE]')]), 'and no blank before it')
})

t.test('a stream whose framing ends it needs no mark', async (t) => {
  const end = new StreamEnd(streamFormat('messages') as StreamFormat, false)
  end.pass(Buffer.from('event: content_block_del'))
  t.ok(end.isWhole)
})

t.test('another event can follow behind a whole one, wherever the bytes were cut', async () => {
  const stream = Buffer.from('event: message\r\ndata: 1\r\n\r\ndata: 2\n\nda')
  const places = [0, 27, 36]
  fc.assert(
    fc.property(cuts, fc.constantFrom(true, false), (at, needsMark) =>
      [...stream.keys()].every((length) => {
        const end = new StreamEnd(streamFormat('messages') as StreamFormat, needsMark)
        for (const chunk of cutAt(stream.subarray(0, length), at)) end.pass(chunk)
        return end.isBetweenEvents === places.includes(length)
      }),
    ),
  )
})

function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const edges = [0, ...places.filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length]
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}

import fc from 'fast-check'
import t from 'tap'
import { DIALECT_NAMES } from '../../src/config/config.js'
import { dialectOf } from '../../src/dialects/dialect-of.js'
import { EMPTY_ANSWERS } from '../../src/dialects/empty-answers.js'
import { TABLE } from '../../src/routing/table.js'

const isEmpty = (row: string, body: string) => EMPTY_ANSWERS.get(row)?.isEmpty(Buffer.from(body))
const event = (data: object) => `event: message\ndata: ${JSON.stringify(data)}\n\n`
const choice = (rest: object) => JSON.stringify({ choices: [{ index: 0, ...rest }] })

const EMPTY: readonly (readonly [row: string, body: string])[] = [
  ['generate', '{"results": [{"text": "", "tool_calls": [], "finish_reason": "error"}]}'],
  ['generate-stream', event({ token: '', finish_reason: 'error' })],
  ['completions', choice({ text: '', finish_reason: 'error' })],
  ['completions', `data: ${choice({ text: '', finish_reason: 'error' })}\n\ndata: [DONE]`],
  ['chat-completions', choice({ message: { content: '' }, finish_reason: 'error' })],
  ['chat-completions', choice({ message: { content: null }, finish_reason: 'error' })],
  ['chat-completions', `data: ${choice({ delta: { content: '' }, finish_reason: 'error' })}\n\n`],
  ['messages', '{"content":[{"type":"text","text":""}],"stop_reason":"error"}'],
  ['ollama-generate', '{"response":"","done":true,"done_reason":"error"}'],
  [
    'ollama-chat',
    '{"message":{"content":""},"done":false}\n{"message":{"content":""},"done":true,"done_reason":"error"}\n',
  ],
  ['sd-work', '{"images": [""], "parameters": {}, "info": ""}'],
  ['sd-work', '{"images":["",""]}'],
  ['sd-work', '{"html_info": "", "image": ""}'],
  ['image-generations', '{"created": 1, "data": [{"b64_json": ""}]}'],
  ['tts', ''],
  ['speech', ''],
  ['xtts-speech', ''],
  ['vits-speech', ''],
  ['embeddings', '{"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]}'],
  ['ollama-embeddings', '{"model":"inactive","embeddings":[[]]}'],
]

const HONEST: readonly (readonly [row: string, body: string])[] = [
  ['generate', '{"results": [{"text": "", "finish_reason": "length"}]}'],
  ['generate', '{"results": [{"text": "", "finish_reason": "stop"}]}'],
  ['generate', '{"results": [{"text": " ", "finish_reason": "error"}]}'],
  ['generate', '{"results": []}'],
  ['generate', '{"results": [{"text": "error", "finish_reason": "error"}]}'],
  ['generate', '{"detail": {"msg": "no", "type": "bad_input"}}'],
  ['generate', '{"results": [{"text": "", "finish_reason": "err'],
  ['generate', ''],
  ['generate-stream', event({ token: '', finish_reason: 'length' })],
  ['generate-stream', event({ token: '', finish_reason: null })],
  ['generate-stream', event({ token: 'a', finish_reason: 'error' })],
  [
    'generate-stream',
    event({ token: '', finish_reason: 'error' }) + event({ token: 'a', finish_reason: 'stop' }),
  ],
  ['completions', choice({ text: '', finish_reason: 'length' })],
  ['completions', 'data: [DONE]'],
  ['chat-completions', choice({ message: { content: '' }, finish_reason: 'tool_calls' })],
  ['chat-completions', `data: ${choice({ delta: { role: 'assistant' } })}\n\n`],
  ['messages', '{"content":[{"type":"text","text":""}],"stop_reason":"max_tokens"}'],
  ['ollama-generate', '{"response":"","done":true,"done_reason":"stop"}'],
  ['sd-work', '{"images":[]}'],
  ['sd-work', '{"images":["","aGVsbG8="]}'],
  ['sd-work', '{"image":""}'],
  ['sd-work', '{}'],
  ['image-generations', '{"data":[]}'],
  ['image-generations', '{"data":[{"url":"http://h/1.png"}]}'],
  ['speech', '{}'],
  ['embeddings', '{"data":[]}'],
  ['embeddings', '{"data":[{"embedding":[0]},{"embedding":[]}]}'],
  ['embeddings', '{"data":[{"embedding":"AAAA"}]}'],
]

t.test('a 200 with nothing in it is empty, by the call that it answers', async (t) => {
  for (const [row, body] of EMPTY) t.equal(isEmpty(row, body), true, `${row} ${body}`)
})

t.test('what an honest backend can answer is not, be it ever so short', async (t) => {
  for (const [row, body] of HONEST) t.equal(isEmpty(row, body), false, `${row} ${body}`)
})

t.test('a transcript may be empty: nobody spoke', async (t) => {
  for (const row of ['transcribe', 'transcriptions', 'translations', 'whisper-inference'])
    t.notOk(EMPTY_ANSWERS.has(row))
})

t.test('only KoboldCpp answers so, and only work of the built-in table', async (t) => {
  for (const name of DIALECT_NAMES) {
    t.equal(dialectOf(name).emptyAnswers.size > 0, name === 'koboldcpp', name)
  }
  for (const id of EMPTY_ANSWERS.keys()) {
    t.ok(TABLE.find((row) => row.id === id)?.to.workload, id)
  }
})

t.test('no bytes make it throw, and no picture is short enough to be looked at', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...EMPTY_ANSWERS.values()),
      fc.oneof(fc.string({ unit: 'binary' }), fc.json()),
      (form, body) => typeof form.isEmpty(Buffer.from(body)) === 'boolean',
    ),
  )
  for (const row of ['sd-work', 'image-generations'])
    t.ok((EMPTY_ANSWERS.get(row)?.maxBytes ?? 0) <= 512)
})

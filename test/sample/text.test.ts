import t from 'tap'
import { getJson, post, postJson, startSample } from './sample-client.js'

const MESSAGES = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: [{ type: 'text', text: 'The White Rabbit' }] },
]
const ASK = { prompt: 'The White Rabbit', messages: MESSAGES, input: 'The White Rabbit', seed: 7 }

/** Posts a request for a stream and returns the data of its events, parsed where they are JSON. */
// biome-ignore lint/suspicious/noExplicitAny: each dialect has events of its own shape
async function events(port: number, path: string, body: object): Promise<any[]> {
  const reply = await post(port, path, { ...ASK, ...body, stream: true })
  const data = [...reply.body.toString().matchAll(/^data: (.*)\n\n/gm)].map((match) => match[1]!)
  return data.map((text) => (text === '[DONE]' ? text : JSON.parse(text)))
}

t.test('the same prompt and seed give the same text, another seed another', async (t) => {
  const port = await startSample(t)
  const texts = []
  for (const seed of [1, 1, 2]) {
    const body = { prompt: 'Alice was', max_length: 20, sampler_seed: seed }
    const { results } = await postJson(port, '/api/v1/generate', body)
    texts.push(results[0].text)
  }
  t.equal(texts[0], texts[1])
  t.not(texts[0], texts[2])
})

t.test('a text goes on from the last words of the prompt', async (t) => {
  const port = await startSample(t)
  const body = { prompt: 'Call me', max_length: 2, seed: 3 }
  const { results } = await postJson(port, '/api/v1/generate', body)
  t.equal(results[0].text, ' Ishmael.')
})

t.test(
  'every dialect honours its own name for the length and answers in its own shape',
  async (t) => {
    const port = await startSample(t)
    const cases: readonly (readonly [string, object, object])[] = [
      [
        '/api/v1/generate',
        { max_length: 4 },
        { results: [{ completion_tokens: 4, prompt_tokens: 3 }] },
      ],
      ['/api/latest/generate', { max_length: 4 }, { results: [{ finish_reason: 'length' }] }],
      ['/request', { max_length: 4 }, { data: { seqs: [String] } }],
      [
        '/v1/completions',
        { max_tokens: 4 },
        { choices: [{ text: String }], usage: { completion_tokens: 4 } },
      ],
      [
        '/v1/chat/completions',
        { max_completion_tokens: 4 },
        { choices: [{ message: { role: 'assistant' } }], usage: { completion_tokens: 4 } },
      ],
      [
        '/v1/messages',
        { max_tokens: 4 },
        { content: [{ type: 'text' }], usage: { output_tokens: 4 } },
      ],
      [
        '/v1/responses',
        { max_output_tokens: 4 },
        { status: 'completed', usage: { output_tokens: 4 } },
      ],
      [
        '/api/generate',
        { stream: false, options: { num_predict: 4 } },
        { done: true, eval_count: 4 },
      ],
      [
        '/api/chat',
        { stream: false, options: { num_predict: 4 } },
        { message: { role: 'assistant' } },
      ],
    ]
    for (const [path, wish, shape] of cases)
      t.match(await postJson(port, path, { ...ASK, ...wish }), shape, path)
  },
)

t.test('a text has 60 tokens where no length is asked', async (t) => {
  const port = await startSample(t)
  t.match(await postJson(port, '/api/v1/generate', {}), { results: [{ completion_tokens: 60 }] })
})

t.test('a streamed text is the whole text, an event for each token', async (t) => {
  const port = await startSample(t)
  const wish = { max_tokens: 12 }
  const whole = (await postJson(port, '/v1/completions', { ...ASK, ...wish })).choices[0].text
  const kobold = await events(port, '/api/extra/generate/stream', wish)
  t.equal(kobold.length, 13)
  t.equal(kobold.map((event) => event.token).join(''), whole)
  t.same(kobold.at(-1), { token: '', finish_reason: 'length' })
  const openai = await events(port, '/v1/completions', wish)
  t.equal(openai.length, 14)
  t.equal(openai.at(-1), '[DONE]')
  t.equal(
    openai
      .slice(0, -1)
      .map((event) => event.choices[0].text)
      .join(''),
    whole,
  )
})

t.test('chat, Anthropic and Responses streams end with their own last event', async (t) => {
  const port = await startSample(t)
  const chat = await events(port, '/v1/chat/completions', { max_tokens: 3 })
  t.match(chat[0].choices[0], { finish_reason: null, delta: { role: 'assistant' } })
  t.equal(chat.at(-2).choices[0].finish_reason, 'length')
  t.equal(chat.at(-1), '[DONE]')
  const anthropic = await events(port, '/v1/messages', { max_tokens: 3 })
  t.same(
    anthropic.map((event) => event.type),
    [
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ],
  )
  const responses = await events(port, '/v1/responses', { max_output_tokens: 3 })
  t.match(responses.at(-1), { type: 'response.completed', response: { status: 'completed' } })
  t.same(
    responses.map((event) => event.sequence_number),
    responses.map((_, index) => index),
  )
})

t.test('an Ollama stream is two lines at the end', async (t) => {
  const port = await startSample(t)
  const { head, body } = await post(port, '/api/chat', { ...ASK, options: { num_predict: 3 } })
  t.match(head, 'content-type: text/event-stream')
  const lines = body
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.match(lines, [{ done: false }, { done: true, eval_count: 3 }])
})

t.test('a text ends before its stop sequence', async (t) => {
  const port = await startSample(t)
  const body = { prompt: 'Call me', max_length: 40, seed: 3, stop_sequence: ['. '] }
  const { results } = await postJson(port, '/api/v1/generate', body)
  t.match(results[0], { text: ' Ishmael', finish_reason: 'stop' })
})

t.test('tokens are counted and numbered alike each time', async (t) => {
  const port = await startSample(t)
  const { value, ids } = await postJson(port, '/api/extra/tokencount', { prompt: 'no, no, no' })
  t.equal(value, 5)
  t.equal(ids[0], ids[2])
})

t.test('without a text model every answer is 200 with nothing in it', async (t) => {
  const port = await startSample(t, '--model', 'image')
  t.match(await postJson(port, '/api/v1/generate', ASK), {
    results: [{ text: '', finish_reason: 'error' }],
  })
  t.match(await postJson(port, '/v1/chat/completions', ASK), {
    choices: [{ message: { content: '' }, finish_reason: 'error' }],
  })
  t.same(await events(port, '/api/extra/generate/stream', {}), [
    { token: '', finish_reason: 'error' },
  ])
  t.same(await postJson(port, '/api/extra/tokencount', ASK), { value: 0, ids: [] })
  t.same(await getJson(port, '/api/v1/model'), { result: 'inactive' })
})

t.test('the version tells by 19 fields what the backend has', async (t) => {
  const port = await startSample(t, '--model', 'whisper,embeddings')
  const version = Object(await getJson(port, '/api/extra/version'))
  t.equal(Object.keys(version).length, 19)
  t.match(version, {
    result: 'KoboldCpp',
    llm: false,
    txt2img: false,
    transcribe: true,
    tts: false,
    embeddings: true,
  })
  t.equal(Object.keys(Object(await getJson(port, '/api/extra/perf'))).length, 22)
})

t.test('texts that share words lie nearer to each other than texts that do not', async (t) => {
  const port = await startSample(t, '--model', 'embeddings')
  const input = ['a cat on the mat', 'the cat on a rug', 'quarterly revenue grew']
  const { data } = await postJson(port, '/v1/embeddings', { input })
  const [cat, rug, money] = data.map((entry: { embedding: number[] }) => entry.embedding)
  const nearness = (one: number[], two: number[]) =>
    one.reduce((sum, value, index) => sum + value * (two[index] ?? 0), 0)
  t.ok(nearness(cat, rug) > nearness(cat, money) + 0.3)
  t.ok(Math.abs(nearness(cat, cat) - 1) < 1e-3)
  const other = await startSample(t, '--model', 'text')
  t.match(await postJson(other, '/v1/embeddings', { input: 'x' }), { data: [{ embedding: [] }] })
})

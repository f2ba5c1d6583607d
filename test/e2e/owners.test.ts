import t from 'tap'
import { external, sample, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/until.js'
import { type Received, startUpstream } from '../helpers/upstream.js'

interface Texts {
  readonly results: readonly [{ readonly text: string }]
}

/** A client that is told apart by its key. */
function clientOf(url: string, name: string) {
  const headers = { authorization: `Bearer ${name}` }
  const post = (path: string, body: object = {}) =>
    fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return {
    post,
    json: async (path: string, body: object = {}): Promise<Texts> =>
      (await post(path, body)).json() as Promise<Texts>,
    abort: async (body: object = {}) => (await post('/api/extra/abort', body)).json(),
    check: async (body: object = {}): Promise<Texts> =>
      (await post('/api/extra/generate/check', body)).json() as Promise<Texts>,
  }
}

const LONG = { prompt: 'Alice was beginning', max_length: 500, max_tokens: 500 }
const DONE = { success: 'true', done: 'true' }
const SLOW = ['--token-interval', '20']

async function stage(t: Test, options: readonly string[] = SLOW) {
  const gateway = await startGateway(t, { backends: { llm: sample('text', options) } })
  const status = () => gateway.app.pool.statuses()[0]
  return {
    ...{ gateway, status },
    ann: clientOf(gateway.url, 'ann'),
    bob: clientOf(gateway.url, 'bob'),
    runs: () => until('it is sent', () => status()?.inFlight === 1),
    waits: () => until('it waits', () => status()?.waiting === 1),
  }
}
type Test = Parameters<typeof startGateway>[0]

t.test('an abort without a key ends only the newest text of its own client', async (t) => {
  const { ann, bob, runs, waits } = await stage(t)
  const anns = ann.json('/api/v1/generate', LONG)
  await runs()
  const bobs = bob.json('/api/v1/generate', LONG)
  await waits()
  t.same(await bob.abort(), DONE)
  t.match(await bobs, { results: [{ text: '', finish_reason: 'length' }] }, 'it still waited')
  t.same(await bob.abort(), DONE, 'there is nothing of his any more, and nothing happens')
  t.equal((await ann.check()).results[0].text.length > 0, true, 'hers goes on')
  t.same(await ann.abort(), DONE)
  const [{ text }] = (await anns).results
  t.ok(text.length > 0, 'she has what was made until then')
  t.ok(text.split(' ').length < 400, 'and no more')
})

t.test('a key is its client’s own: the same from another client is another request', async (t) => {
  const { ann, bob, runs } = await stage(t)
  const keyed = { ...LONG, genkey: 'KCPP1234' }
  const anns = ann.json('/api/v1/generate', keyed)
  await runs()
  t.same(await bob.abort({ genkey: 'KCPP1234' }), { success: 'false', done: 'false' })
  t.same(await bob.check({ genkey: 'KCPP1234' }), { results: [{ text: '' }] })
  t.same(await ann.abort({ genkey: 'KCPP9999' }), { success: 'false', done: 'false' })
  await until('she sees her text grow', async () => {
    return (await ann.check({ genkey: 'KCPP1234' })).results[0].text !== ''
  })
  t.same(await ann.abort({ genkey: 'KCPP1234' }), DONE)
  const [{ text }] = (await anns).results
  t.same(await ann.check({ genkey: 'KCPP1234' }), { results: [{ text }] }, 'also when it is over')
  t.same(await bob.check(), { results: [{ text: '' }] })
})

t.test('a text whose model is still loading can be aborted', async (t) => {
  const { ann, gateway } = await stage(t, ['--load-time', '2000'])
  const chat = { messages: [{ role: 'user', content: 'Hello' }] }
  const whole = ann.json('/v1/chat/completions', chat)
  await until('it starts', () => gateway.moves.some(({ to }) => to === 'starting'))
  t.same(await ann.abort(), DONE)
  t.match(await whole, { choices: [{ message: { content: '' }, finish_reason: 'length' }] })
  const streamed = ann.post('/v1/chat/completions', { ...chat, stream: true })
  const arrived = () => gateway.app.pool.statuses()[0]?.waiting === 0
  await until('it has its turn', arrived)
  t.same(await ann.abort(), DONE)
  const events = await (await streamed).text()
  t.match(events, /"delta":\{"role":"assistant","content":""\}.*\n\ndata: \[DONE\]\n\n$/s)
})

t.test('an abort ends the request at a backend that knows no aborts', async (t) => {
  let request: Received | undefined
  const upstream = await startUpstream(t, (received) => {
    request = received
  })
  const gateway = await startGateway(t, {
    backends: { llm: external(upstream.url, { dialect: 'openai', bodies: 'buffer' }) },
  })
  const ann = clientOf(gateway.url, 'ann')
  const whole = ann.json('/v1/completions', LONG)
  await until('it is sent', () => request !== undefined)
  t.same(await ann.abort(), DONE)
  await (request as Received | undefined)?.closed
  t.match(await whole, { choices: [{ text: '', finish_reason: 'length' }] })
})

t.test('nobody aborts what is not there, and nothing is started for it', async (t) => {
  const { ann, gateway } = await stage(t)
  t.same(await ann.abort(), DONE, 'as KoboldCpp says')
  t.same(await ann.abort({ genkey: 'KCPP1' }), { success: 'false', done: 'false' })
  t.same(await ann.check(), { results: [{ text: '' }] })
  t.same(await ann.json('/api/extra/last_logprobs'), { logprobs: null })
  t.same(gateway.moves, [])
})

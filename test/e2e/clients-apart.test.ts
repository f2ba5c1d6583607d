import t from 'tap'
import {
  basic,
  bearer,
  type Client,
  clientAt,
  listenAt,
  shows,
  workflowOf,
} from '../helpers/clients.js'
import { type Gateway, sample, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/until.js'

/** They wait more than they work. */
t.jobs = 4

const KEY = { genkey: 'KCPP7703' }
const LONG = { prompt: 'Alice was beginning', max_length: 500, max_tokens: 500 }

interface Results {
  readonly results: readonly [{ readonly text: string }]
}

/** Two programs of two people, whose keys differ; four tokens of text in a tenth of a second, and a slow picture. */
async function stage(t: Test) {
  const gateway = await startGateway(t, {
    backends: {
      llm: { ...sample('text', ['--token-interval', '20']), concurrency: 2 },
      art: sample('image', ['--image-time', '400']),
      ears: sample('transcribe'),
    },
  })
  const { url } = gateway
  return { gateway, ann: clientAt(url, bearer('ann')), bob: clientAt(url, bearer('bob')) }
}
type Test = Parameters<typeof startGateway>[0]

const inFlight = ({ app }: Gateway, name: string) => app.pool.get(name)?.status().inFlight

const check = async (client: Client, body: object = {}) =>
  (await client.post('/api/extra/generate/check', body)).json<Results>().results[0].text

const abort = async (client: Client, body?: object) =>
  (await client.post('/api/extra/abort', body)).json()

t.test('two at once: nobody’s Stop, with a key or without, ends the text of another', async (t) => {
  const { gateway, ann, bob } = await stage(t)
  const lite = ann.post('/api/v1/generate', { ...LONG, ...KEY })
  await until('hers is made', () => inFlight(gateway, 'llm') === 1)
  t.same(await abort(bob), { success: 'true', done: 'true' }, 'what SillyTavern sends; he has none')
  t.same(await abort(bob, KEY), { success: 'false', done: 'false' }, 'and what Lite sends')
  const tavern = bob.post('/v1/completions', { ...LONG, stream: false })
  // KoboldCpp itself makes one text after the other.
  await until('his has been sent, too', () => inFlight(gateway, 'llm') === 2)
  await until('hers grows', async () => (await check(ann, KEY)) !== '')
  t.same(await abort(ann, KEY), { success: 'true', done: 'true' })
  t.match((await lite).json<Results>().results[0].text, /\w/, 'she has hers so far')
  await until('his goes on', async () => (await check(bob)) !== '')
  t.same(await abort(ann), { success: 'true', done: 'true' }, 'though she stops again')
  const before = await check(bob)
  await until('it still grows', async () => (await check(bob)).length > before.length)
  t.same(await abort(bob), { success: 'true', done: 'true' })
  t.match((await tavern).json(), { choices: [{ text: /\w/ }] })
})

t.test('two at once: nobody reads the text of another, while it is made or after', async (t) => {
  const { gateway, ann, bob } = await stage(t)
  const hers = ann.post('/api/v1/generate', { ...LONG, ...KEY })
  await until('it is made', () => inFlight(gateway, 'llm') === 1)
  await until('she sees it grow', async () => (await check(ann, KEY)) !== '')
  const anybody = clientAt(gateway.url)
  for (const other of [bob, anybody]) {
    t.equal(await check(other), '', 'without a key')
    t.equal(await check(other, KEY), '', 'with hers')
    const probabilities = await other.post('/api/extra/last_logprobs', KEY)
    t.same(probabilities.json(), { logprobs: null })
  }
  await abort(ann, KEY)
  const { text } = (await hers).json<Results>().results[0]
  t.equal(await check(ann, KEY), text, 'hers is there')
  for (const other of [bob, anybody]) t.equal(await check(other, KEY), '')
})

t.test('two at once with the same key of their program both get their own text', async (t) => {
  const { ann, bob } = await stage(t)
  const ask = async (client: Client, max_length: number) => {
    const body = { prompt: 'It was', max_length, ...KEY }
    const reply = await client.post('/api/v1/generate', body)
    return reply.json<Results>().results[0].text
  }
  const [hers, his] = await Promise.all([ask(ann, 3), ask(bob, 12)])
  t.ok(his.length > hers.length)
  // A KoboldCpp knows the last text only, so that one of them may hear nothing, but never of the other.
  t.ok(['', hers].includes(await check(ann, KEY)))
  t.ok(['', his].includes(await check(bob, KEY)))
})

t.test('two at once over A1111: each has its own picture, and stops its own only', async (t) => {
  const { gateway, ann, bob } = await stage(t)
  const draw = async (client: Client, prompt: string) => {
    const reply = await client.post('/sdapi/v1/txt2img', { prompt, width: 64, height: 64 })
    return { status: reply.status, images: reply.json<{ images?: string[] }>().images ?? [] }
  }
  const hers = draw(ann, 'a red fox')
  await until('hers is made', () => inFlight(gateway, 'art') === 1)
  const his = draw(bob, 'a blue fox')
  await until('his waits', () => gateway.app.pool.get('art')?.status().waiting === 1)
  t.equal((await ann.post('/sdapi/v1/interrupt')).status, 200)
  t.equal((await ann.post('/sdapi/v1/skip')).status, 200)
  t.ok(shows((await hers).images[0], 'a red fox'))
  t.ok(shows((await his).images[0], 'a blue fox'), 'his was not hers to stop')
})

interface Prompted {
  readonly prompt_id: string
}

t.test('two at once over ComfyUI: nobody sees, lists, stops or fetches another’s', async (t) => {
  const { gateway, ann, bob } = await stage(t)
  const news = await listenAt(`${gateway.url}/ws?clientId=bob`, bearer('bob'))
  const order = async (client: Client, words: string, client_id: string) => {
    const reply = await client.post('/prompt', { prompt: workflowOf(words), client_id })
    return reply.json<Prompted>().prompt_id
  }
  const hers = await order(ann, 'a red fox', 'bob')
  const his = await order(bob, 'a blue fox', 'bob')
  t.not(hers, his)
  const queue = (await bob.get('/queue')).text
  t.notMatch(queue, hers)
  t.match(queue, his)
  t.equal((await bob.post('/queue', { clear: true, delete: [hers] })).status, 200)
  t.equal((await bob.post('/interrupt', { prompt_id: hers })).status, 200)
  const again = await order(bob, 'a blue fox', 'bob')
  await until('both are made', async () => {
    const [one, two] = await Promise.all([ann.get('/history'), bob.get('/history')])
    return one.text.includes(hers) && two.text.includes(again)
  })
  t.notMatch((await bob.get('/history')).text, hers)
  t.notMatch((await ann.get('/history')).text, again)
  t.ok(shows((await ann.get('/view')).bytes, 'a red fox'), 'the last one of hers')
  t.ok(shows((await bob.get('/view')).bytes, 'a blue fox'), 'and of his')
  t.equal((await clientAt(gateway.url).get('/view')).status, 404, 'and a third has none')
  t.notMatch(JSON.stringify(news.told), hers, 'nor is he told of it, under whatever name she asks')
  t.match(JSON.stringify(news.told), again)
  news.close()
})

/** Two people whose SillyTavern sends the line of a key without one, as it does for pictures. */
t.test(
  'two at once without a key are told apart, though their programs send an empty one',
  async (t) => {
    const gateway = await startGateway(t, {
      listen: { trustProxy: ['127.0.0.1'] },
      backends: { llm: sample('text', ['--token-interval', '20']), art: sample('image') },
    })
    const at = (address: string) => ({ 'x-forwarded-for': address })
    const [hers, his] = [at('192.0.2.1'), at('192.0.2.2')]
    for (const empty of [basic(), basic(':'), bearer('')]) {
      const ann = clientAt(gateway.url, { ...empty, ...hers })
      const bob = clientAt(gateway.url, { ...empty, ...his })
      const text = ann.post('/api/v1/generate', { ...LONG, max_length: 60 })
      await until('hers is made', () => inFlight(gateway, 'llm') === 1)
      await until('she sees it', async () => (await check(ann)) !== '')
      t.equal(await check(bob), '', `${empty.authorization}: he does not see it`)
      await abort(ann)
      await text
    }
  },
)

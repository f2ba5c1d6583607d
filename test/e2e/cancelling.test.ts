import t from 'tap'
import { sample, startGateway } from '../helpers/gateway.js'
import { ANSWER, DONE, membersOf, outcomes, startKobold, UNKNOWN } from '../helpers/kobold.js'
import { enter } from '../helpers/patience.js'
import { post } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import type { Received } from '../helpers/upstream.js'

/** They wait more than they work. */
t.jobs = 4
/** Ten times what it may take. */
const SOON_MS = 500

/** Requests that a KoboldCpp runs to their end, whoever hangs up. */
const WHOLE = {
  '/api/v1/generate': { prompt: 'It was', max_length: 100 },
  '/v1/completions': { prompt: 'It was', max_tokens: 100 },
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'It was' }], max_tokens: 100 },
  '/v1/messages': { messages: [{ role: 'user', content: 'It was' }], max_tokens: 100 },
  '/api/chat': { messages: [{ role: 'user', content: 'It was' }], options: { num_predict: 100 } },
}

for (const [path, members] of Object.entries(WHOLE)) {
  t.test(`a client who leaves ${path} ends its request by a key of its own`, async (t) => {
    const { send, asked, aborts, gateway } = await startKobold(t)
    const keys: unknown[] = []
    for (const turn of [0, 1]) {
      const client = await send(path, members)
      await until('it is at the backend', () => asked.length === turn + 1)
      const { genkey, ...others } = membersOf(asked[turn] as Received)
      t.same(others, members, 'what the client sent is there')
      t.match(genkey, /^gatehouse-[0-9a-f]{16}-\d+$/)
      const leftAt = performance.now()
      client.socket.destroy()
      await until('it is aborted', () => aborts.length === turn + 1)
      const tookMs = performance.now() - leftAt
      t.ok(tookMs < SOON_MS, `${tookMs} ms`)
      t.same(membersOf(aborts[turn] as Received), { genkey })
      await asked[turn]?.closed
      keys.push(genkey)
    }
    t.not(keys[0], keys[1], 'no key is used twice')
    const stayer = await send(path, members)
    await until('the next is at the backend', () => asked.length === 3)
    asked[2]?.socket.end(ANSWER)
    await stayer.sees('{}')
    t.equal(aborts.length, 2)
    await until('all are logged', () => outcomes(gateway).length === 3)
    t.same(outcomes(gateway), ['client_gone', 'client_gone', 'ok'])
  })
}

t.test('what a client leaves ends at the backend, and the next is served at once', async (t) => {
  const text = sample('text', ['--token-interval', '100', '--first-token-delay', '0'])
  const gateway = await startGateway(t, { backends: { text } })
  const perf = async () =>
    (await (await fetch(`${gateway.url}/api/extra/perf`)).json()) as Record<string, number>
  for (const [index, [path, members]] of Object.entries(WHOLE).entries()) {
    const client = await enter(t, gateway)
    client.socket.write(post(path, JSON.stringify(members)))
    await until('it runs', async () => (await perf()).idle === 0)
    client.socket.destroy()
    const next = await fetch(`${gateway.url}/api/v1/generate`, {
      method: 'POST',
      body: JSON.stringify({ prompt: 'It was', max_length: 1 }),
      signal: AbortSignal.timeout(3_000), // a third of what the one before it would have taken
    })
    t.equal(next.status, 200, path)
    await until('both are counted', async () => (await perf()).total_gens === 2 * (index + 1))
  }
})

t.test('a stream that is left loses its connection, and is aborted', async (t) => {
  const { send, asked, aborts } = await startKobold(t)
  const client = await send('/api/extra/generate/stream', { prompt: 'a' })
  await until('it is at the backend', () => asked.length === 1)
  const [request] = asked as [Received]
  request.socket.write('HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n')
  await client.sees('data: 1')
  client.socket.destroy()
  await request.closed
  await until('it is aborted', () => aborts.length === 1)
  t.equal(membersOf(aborts[0] as Received).genkey, membersOf(request).genkey)
})

t.test(
  'a request that the backend does not know yet is aborted again, until it does',
  async (t) => {
    const answers = [UNKNOWN, UNKNOWN, DONE]
    const { send, asked, aborts } = await startKobold(t, {}, () => answers.shift() ?? UNKNOWN)
    const client = await send('/api/v1/generate', {})
    await until('it is at the backend', () => asked.length === 1)
    client.socket.destroy()
    await until('it was aborted three times', () => aborts.length === 3)
    const other = await send('/api/v1/generate', {})
    await until('another is at the backend', () => asked.length === 2)
    other.socket.destroy()
    await until('that is aborted as often as may be', () => aborts.length === 3 + 5, 5_000)
    t.equal(new Set(aborts.map((abort) => membersOf(abort).genkey)).size, 2)
  },
)

t.test('a key that two clients chose alike ends only the text of the one who left', async (t) => {
  const { send, asked, aborts } = await startKobold(t, { concurrency: 2 })
  const [leaver] = [
    await send('/api/v1/generate', { genkey: 'KCPP1234' }),
    await send('/api/v1/generate', { genkey: 'KCPP1234' }),
  ]
  await until('both are at the backend', () => asked.length === 2)
  const keys = asked.map((request) => membersOf(request).genkey)
  t.equal(new Set([...keys, 'KCPP1234']).size, 3, 'each has one of its own')
  const [first, second] = asked as [Received, Received]
  leaver?.socket.destroy()
  await Promise.race([first.closed, second.closed])
  await until('it is aborted', () => aborts.length === 1)
  const closed = first.socket.destroyed ? first : second
  t.same(membersOf(aborts[0] as Received), { genkey: membersOf(closed).genkey })
})

t.test('who leaves the lane is never seen by the backend', async (t) => {
  const { send, asked, aborts, waiting } = await startKobold(t)
  const first = await send('/api/v1/generate', { who: 'first' })
  await until('the first runs', () => asked.length === 1)
  const leaver = await send('/api/v1/generate', { who: 'leaver' })
  await until('one waits', () => waiting() === 1)
  const last = await send('/api/v1/generate', { who: 'last' })
  await until('two wait', () => waiting() === 2)
  leaver.socket.destroy()
  await until('one waits again', () => waiting() === 1)
  asked[0]?.socket.end(ANSWER)
  await first.sees('{}')
  await until('the next runs', () => asked.length === 2)
  asked[1]?.socket.end(ANSWER)
  await last.sees('{}')
  t.same(
    asked.map((request) => membersOf(request).who),
    ['first', 'last'],
  )
  t.equal(aborts.length, 0)
})

t.test('who leaves while the backend starts is never seen by it', async (t) => {
  const gateway = await startGateway(t, {
    backends: { text: { ...sample('text', ['--load-time', '300']), concurrency: 2 } },
  })
  const leaver = await enter(t, gateway)
  leaver.socket.write(post('/api/v1/generate', '{"max_length":1}'))
  await until('it starts', () => gateway.moves.some(({ to }) => to === 'starting'))
  leaver.socket.destroy()
  await until('it is logged', () => outcomes(gateway).includes('client_gone'))
  const body = '{"max_length":1}'
  await (await fetch(`${gateway.url}/api/v1/generate`, { method: 'POST', body })).json()
  let texts = 0
  await until('the backend counts it', async () => {
    const perf = await (await fetch(`${gateway.url}/api/extra/perf`)).json()
    texts = (perf as { total_gens: number }).total_gens
    return texts > 0
  })
  t.equal(texts, 1)
})

for (const [what, limit] of Object.entries({
  requestTimeout: { requestTimeout: '400ms' },
  'timeouts.headers': { timeouts: { headers: '400ms' } },
})) {
  t.test(`a request that takes longer than ${what} is ended by its key`, async (t) => {
    const { send, asked, aborts, gateway } = await startKobold(t, limit)
    const client = await send('/v1/chat/completions', { messages: [] })
    await client.sees('GATEHOUSE_UPSTREAM_TIMEOUT')
    t.match(client.text(), /^HTTP\/1\.1 504 /)
    await until('it is aborted', () => aborts.length === 1)
    t.equal(membersOf(aborts[0] as Received).genkey, membersOf(asked[0] as Received).genkey)
    await until('it is logged', () => outcomes(gateway)[0] === 'timeout')
  })
}

import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config/load.js'
import { type Gateway, sample, startGateway } from '../helpers/gateway.js'
import {
  afterBeats,
  beats,
  OFTEN,
  occupied,
  outcomes,
  replyOf,
  SSE,
  STREAMS,
  type Stream,
  send,
} from '../helpers/patience.js'
import type { RawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/** They wait more than they work. */
t.jobs = 3
/** How each API tells of an error; undefined: it cannot, and the reply breaks after a comment. */
const TOLD: Readonly<Record<string, RegExp | undefined>> = {
  '/v1/chat/completions': /^data: \{"error":\{"message":".*"code":"(GATEHOUSE_\w+)"\}\}\n\n$/,
  '/v1/messages':
    /^event: error\ndata: \{"type":"error","error":\{"type":"\w+","message":".*"\}\}\n\n$/,
  '/v1/responses':
    /^event: error\ndata: \{"type":"error","code":"GATEHOUSE_\w+","message":.*\}\n\n$/,
  '/api/extra/generate/stream': undefined,
}
const TELLING = STREAMS.filter(({ path }) => path in TOLD)

/** The client has been told of an error in its own way; returns what it was told. */
async function isTold(t: Test, client: RawClient, path: string): Promise<string> {
  const over = await client.over
  const { status, isWhole } = replyOf(client)
  t.equal(status, 200)
  const words = afterBeats(client)
  if (TOLD[path]) t.match(words, TOLD[path], path)
  else t.match(words, /^: .*\n\n$/, path)
  const mayPass = over === 'end' && isWhole
  t.equal(mayPass, TOLD[path] !== undefined, `${path}: what is no answer is visibly broken`)
  return words
}

t.test('a start that fails is told to those who got comments', async (t) => {
  const text = sample('text', ['--load-time', '250', '--fail-load', 'out of luck'])
  const gateway = await startGateway(t, {
    ...OFTEN,
    backends: { text: { ...text, concurrency: 0 } },
  })
  const clients = await Promise.all(TELLING.map((call) => send(t, gateway, call)))
  for (const [at, client] of clients.entries()) {
    const words = await isTold(t, client, TELLING[at]?.path ?? '')
    t.match(words, /The text backend could not start/)
  }
  for (const { path } of TELLING) {
    await until('it is logged', () => outcomes(gateway, path)[0] === 'start_failed')
  }
})

t.test('a refusal by the backend is told to those who got comments', async (t) => {
  const { gateway, asked } = await occupied(t, { ...OFTEN, backend: { concurrency: 0 } })
  const busy = '{"detail":{"msg":"Server is busy","type":"service_unavailable"}}'
  for (const call of TELLING) {
    const had = asked.length
    const client = await send(t, gateway, call)
    await until('it is sent', () => asked.length > had)
    await beats(client, 1)
    asked[had]?.socket.end(`HTTP/1.0 503 Busy\r\ncontent-type: application/json\r\n\r\n${busy}`)
    await client.over
    const words = afterBeats(client)
    t.ok(words.startsWith(`: ${busy}\n\n`), 'its own words, in a comment')
    t.match(words.slice(busy.length + 4), TOLD[call.path] ?? /^: .*\n\n$/)
    await until('it is logged', () => outcomes(gateway, call.path).includes('upstream_error'))
  }
  const [line] = gateway.logged.filter(({ path }) => path === '/v1/messages')
  t.equal(line?.status, 503, 'as it was meant')
})

t.test('an error in the words of the API is passed on in an event', async (t) => {
  const { gateway, asked } = await occupied(t, { ...OFTEN, backend: { concurrency: 0 } })
  const client = await send(t, gateway, STREAMS[0] as Stream)
  await until('it is sent', () => asked.length > 1)
  await beats(client, 1)
  const error = '{"error":{"message":"no such model","code":404}}'
  asked[1]?.socket.end(
    `HTTP/1.1 404 No\r\ncontent-type: application/json\r\ncontent-length: ${error.length}\r\n\r\n${error}`,
  )
  t.equal(await client.over, 'end')
  t.equal(afterBeats(client), `data: ${error}\n\n`)
  t.ok(replyOf(client).isWhole)
})

t.test('a stream that breaks after comments is told as broken', async (t) => {
  const { gateway, asked } = await occupied(t, { ...OFTEN, backend: { concurrency: 0 } })
  for (const call of TELLING) {
    const had = asked.length
    const client = await send(t, gateway, call)
    await until('it is sent', () => asked.length > had)
    await beats(client, 1)
    asked[had]?.socket.write(`${SSE}event: x\ndata: 1\n\n`)
    await until('it came', () => afterBeats(client) === 'event: x\ndata: 1\n\n')
    asked[had]?.socket.end()
    const over = await client.over
    t.notOk(over === 'end' && replyOf(client).isWhole, `${call.path} is visibly broken`)
    const words = afterBeats(client).slice('event: x\ndata: 1\n\n'.length)
    t.match(words, TOLD[call.path] ?? /^$/)
    await until('it is logged', () => outcomes(gateway, call.path).includes('upstream_broken'))
  }
})

t.test('a backend that hangs up after comments is told of', async (t) => {
  const { gateway, asked } = await occupied(t, { ...OFTEN, backend: { concurrency: 0 } })
  const clients = await Promise.all(TELLING.map((call) => send(t, gateway, call)))
  await until('all were sent', () => asked.length === TELLING.length + 1)
  for (const client of clients) await beats(client, 1)
  for (const { socket } of asked) socket.destroy()
  for (const [at, client] of clients.entries()) {
    const words = await isTold(t, client, TELLING[at]?.path ?? '')
    t.match(words, /The web backend ended before it answered/)
  }
})

t.test('a backend that is taken away is told of to those who got comments', async (t) => {
  const { gateway, waiting } = await occupied(t)
  const clients = await Promise.all(TELLING.map((call) => send(t, gateway, call)))
  await until('all wait', () => waiting() === TELLING.length)
  for (const client of clients) await beats(client, 1)
  const { loaded } = await withoutBackends(gateway)
  gateway.app.apply(loaded)
  for (const [at, client] of clients.entries()) {
    const words = await isTold(t, client, TELLING[at]?.path ?? '')
    t.match(words, /No backend here serves text/)
  }
})

async function withoutBackends({ folder }: Gateway) {
  const { writeFileSync } = await import('node:fs')
  const file = `${folder}/next.json`
  writeFileSync(file, JSON.stringify({ backends: {} }))
  return { loaded: loadConfig(file, {}) }
}

import { EventEmitter } from 'node:events'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import { errorBody } from '../../src/error-reply.js'
import { GatehouseError } from '../../src/errors.js'
import { ClientReply } from '../../src/proxy/client-reply.js'
import { Heartbeats } from '../../src/proxy/heartbeats.js'
import { readReplyHead } from '../../src/proxy/reply-head.js'
import { streamFormat } from '../../src/proxy/stream-format.js'
import { type Waiting, waitForEvents, waitForJson } from '../../src/proxy/waiting.js'
import type { Caller } from '../../src/routing/row.js'
import { until } from '../helpers/until.js'

const mount = { origin: 'http://127.0.0.1:1', basePath: '', prefix: '' }
const headOf = (type: string) =>
  readReplyHead([Buffer.from('content-type'), Buffer.from(type)], {
    requestId: '1',
    queue: undefined,
    backend: 'text',
    mount,
  })
const values = { backend: 'text' }
const busy = new GatehouseError('GATEHOUSE_LANE_FULL', { values })

const partsOf = (caller: Caller) => ({
  headers: { 'x-request-id': '1' },
  errorBody: (error: GatehouseError) => errorBody(error, caller),
  upstreamError: new GatehouseError('GATEHOUSE_UPSTREAM_BROKEN', { values }),
})

/** The data of the only event in these words. */
function dataOf(text: string): unknown {
  const lines = text.split('\n').filter((line) => line.startsWith('data: '))
  if (lines.length !== 1 || !text.endsWith('\n\n')) throw new Error(`not one event: ${text}`)
  return JSON.parse(String(lines[0]).slice('data: '.length))
}

const EVENTS: readonly (readonly [row: string, caller: Caller, name: string, data: object])[] = [
  ['chat-completions', 'openai', '', { error: { message: busy.message, code: busy.code } }],
  ['messages', 'anthropic', 'error', { type: 'error', error: { message: busy.message } }],
  ['responses', 'openai', 'error', { type: 'error', message: busy.message, code: busy.code }],
]

for (const [row, caller, name, data] of EVENTS) {
  t.test(`a client of ${row} is told of an error by an event of its API`, async (t) => {
    const waiting = waitForEvents(partsOf(caller), streamFormat(row))
    const { text, isWhole } = waiting.failure(busy)
    t.match(dataOf(text), data)
    t.equal(text.startsWith(`event: ${name}\n`), name !== '')
    t.ok(isWhole)
  })

  t.test(`a backend's error reaches a client of ${row} as an event of its API`, async (t) => {
    const waiting = waitForEvents(partsOf(caller), streamFormat(row))
    const own = waiting.refusal(Buffer.from('{\n"error": {"message": "no", "type": "t"}\n}'))
    if (row !== 'responses') t.match(dataOf(own.text), { error: { message: 'no', type: 't' } })
    const foreign = waiting.refusal(Buffer.from('{"detail": {"msg": "server is\\nbusy"}}'))
    t.ok(foreign.text.startsWith(': {"detail":{"msg":"server is\\nbusy"}}\n\n'), 'for a person')
    for (const said of [foreign, waiting.refusal(Buffer.from('<html>'))]) {
      const broken = 'The text backend broke off its answer.'
      const { error } = dataOf(said.text) as { error?: { message: string } }
      t.equal(error?.message ?? (dataOf(said.text) as { message: string }).message, broken)
      t.ok(said.isWhole)
    }
  })
}

t.test('a client of an API without such an event gets the words and a break', async (t) => {
  for (const format of [streamFormat('generate-stream'), undefined]) {
    const waiting = waitForEvents(partsOf('kobold'), format)
    t.same(waiting.failure(busy), { text: `: ${busy.message}\n\n`, isWhole: false })
    const { text, isWhole } = waiting.refusal(Buffer.from('{"detail":"a\\nb"}'))
    t.match(text, /^: \{"detail":"a\\nb"\}\n\n: The text backend .*\n\n$/)
    t.notOk(isWhole)
  }
})

t.test('only an event stream with status 200 can follow comments', async (t) => {
  const waiting = waitForEvents(partsOf('openai'), streamFormat('completions'))
  t.ok(waiting.takes(200, headOf('text/event-stream; charset=utf-8')))
  t.notOk(waiting.takes(503, headOf('text/event-stream')))
  t.notOk(waiting.takes(200, headOf('application/json')))
})

t.test('JSON and text can follow white space, nothing else can', async (t) => {
  const waiting = waitForJson(partsOf('openai'))
  for (const type of ['application/json', 'text/plain', 'text/vtt']) {
    t.ok(waiting.takes(200, headOf(type)), type)
    t.notOk(waiting.takes(503, headOf(type)), `${type} of an error`)
  }
  for (const type of ['audio/wav', 'image/png', 'text/event-stream', '']) {
    t.notOk(waiting.takes(200, headOf(type)), type)
  }
  const backends = '{"detail":"as the backend said it"}'
  t.same(waiting.refusal(Buffer.from(backends)), { text: backends, isWhole: true })
  t.match(JSON.parse(waiting.refusal(Buffer.from('\0')).text), { error: { code: /BROKEN/ } })
  t.match(JSON.parse(waiting.failure(busy).text), { error: { code: busy.code } })
})

/** A reply that only remembers what was written. */
function reply() {
  const written: string[] = []
  const raw = Object.assign(new EventEmitter(), {
    destroyed: false,
    writeHead: () => {},
    write: (text: string) => written.push(text) > 0,
  })
  return { written, answer: new ClientReply({ raw, hijack: () => {} } as unknown as FastifyReply) }
}

const WAITING: Waiting = waitForJson(partsOf('openai'))

t.test('one timer beats for all who wait, and is gone with the last of them', async (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const hearts = new Heartbeats(10)
  const [first, second] = [reply(), reply()]
  hearts.begin(first.answer, () => WAITING)
  hearts.begin(first.answer, () => WAITING)
  hearts.begin(second.answer, () => WAITING)
  t.same(first.written, [], 'not before an interval is over')
  await until('both had three', () => first.written.length >= 3 && second.written.length >= 3)
  hearts.end(first.answer)
  const had = first.written.length
  await until('one goes on', () => second.written.length > had + 2)
  t.equal(first.written.length, had)
  hearts.end(second.answer)
  hearts.end(second.answer)
  t.ok(timers() <= before)
})

t.test('who cannot be shown anything, or has its answer, is not asked again', async (t) => {
  const hearts = new Heartbeats(5)
  let asked = 0
  hearts.begin(reply().answer, () => {
    asked += 1
    return undefined
  })
  const answered = reply()
  hearts.begin(answered.answer, () => WAITING)
  await until('it beats', () => answered.written.length > 0)
  answered.answer.begin(200, 'OK', headOf('application/json'))
  const had = answered.written.length
  const other = reply()
  hearts.begin(other.answer, () => WAITING)
  await until('another waited for long', () => other.written.length > 5)
  t.equal(asked, 1)
  t.equal(answered.written.length, had)
  hearts.end(other.answer)
})

t.test('without an interval nobody is shown anything', async () => {
  const hearts = new Heartbeats(0)
  const { answer } = reply()
  hearts.begin(answer, () => {
    throw new Error('it was asked')
  })
  hearts.end(answer)
})

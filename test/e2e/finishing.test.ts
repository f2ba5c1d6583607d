import t from 'tap'
import { ANSWER, membersOf, outcomes, startKobold } from '../helpers/kobold.js'
import { until } from '../helpers/until.js'
import type { Received } from '../helpers/upstream.js'

t.test('with onClientGone "finish" a request runs to its end, and holds its lease', async (t) => {
  const { send, asked, aborts, gateway, waiting, inFlight } = await startKobold(t, {
    onClientGone: 'finish',
  })
  const leaver = await send('/sdapi/v1/txt2img', { prompt: 'a' })
  await until('it is at the backend', () => asked.length === 1)
  leaver.socket.destroy()
  const stayer = await send('/sdapi/v1/txt2img', { prompt: 'b' })
  await until('the next waits', () => waiting() === 1)
  const late = await send('/sdapi/v1/txt2img', { prompt: 'c' })
  await until('another waits', () => waiting() === 2)
  late.socket.destroy()
  await until('who leaves the lane is out of it', () => waiting() === 1)
  t.equal(inFlight(), 1)
  const [{ socket, closed }] = asked as [Received]
  const picture = 'x'.repeat(4_000_000)
  t.notOk(socket.destroyed)
  t.equal(asked.length, 1)
  socket.end(`HTTP/1.0 200 OK\r\ncontent-length: ${picture.length}\r\n\r\n${picture}`)
  await closed
  await until('the next is at the backend', () => asked.length === 2)
  asked[1]?.socket.end(ANSWER)
  await stayer.sees('{}')
  t.equal(membersOf(asked[1] as Received).prompt, 'b')
  t.equal(aborts.length, 0)
  await until('all are logged', () => outcomes(gateway).length === 3)
  t.same(outcomes(gateway).sort(), ['client_gone', 'client_gone', 'ok'])
})

t.test('with onClientGone "finish" a stream that is left runs on, too', async (t) => {
  const { send, asked, inFlight } = await startKobold(t, { onClientGone: 'finish' })
  const client = await send('/api/extra/generate/stream', {})
  await until('it is at the backend', () => asked.length === 1)
  const [{ socket }] = asked as [Received]
  socket.write('HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n')
  await client.sees('data: 1')
  client.socket.destroy()
  const others = await send('/api/v1/generate', {})
  for (let event = 2; event < 9; event += 1) {
    await new Promise((resolve) => socket.write(`data: ${event}\n\n`, resolve))
    t.equal(inFlight(), 1)
  }
  t.notOk(socket.destroyed)
  socket.end('data: {"finish_reason":"stop"}\n\n')
  await until('the next is at the backend', () => asked.length === 2)
  asked[1]?.socket.end(ANSWER)
  await others.sees('{}')
})

t.test('a request for a picture gets no key, and its leaving no abort', async (t) => {
  const { send, asked, aborts } = await startKobold(t)
  const wish = { prompt: 'a', steps: 1 }
  const client = await send('/sdapi/v1/txt2img', wish)
  await until('it is at the backend', () => asked.length === 1)
  t.equal(String(asked[0]?.body), JSON.stringify(wish))
  client.socket.destroy()
  await asked[0]?.closed
  const text = await send('/api/v1/generate', {})
  await until('another is at the backend', () => asked.length === 2)
  text.socket.destroy()
  await until('that is aborted', () => aborts.length > 0)
  t.equal(membersOf(aborts[0] as Received).genkey, membersOf(asked[1] as Received).genkey)
})

t.test('a backend of another dialect gets no key', async (t) => {
  const { send, asked } = await startKobold(t, { dialect: 'generic' })
  const client = await send('/v1/completions', { prompt: 'a' })
  await until('it is at the backend', () => asked.length === 1)
  t.equal(String(asked[0]?.body), '{"prompt":"a"}')
  client.socket.destroy()
  await asked[0]?.closed
})

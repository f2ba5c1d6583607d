import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { external, startGateway } from '../helpers/gateway.js'
import { addressOf, folderWith, runGateway } from '../helpers/program.js'
import { get, post, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startUpstream } from '../helpers/upstream.js'

const EVENTS =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

async function refused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const [error] = await Promise.race([
    once(socket, 'connect').then(() => []),
    once(socket, 'error'),
  ])
  socket.destroy()
  return error !== undefined
}

t.test('a gateway that stops lets nobody in, and lets running replies end', async (t) => {
  const requests: Received[] = []
  const upstream = await startUpstream(t, (received) => void requests.push(received))
  const backends = { text: external(upstream.url, { concurrency: 2 }) }
  const gateway = await startGateway(t, { backends })
  const [streaming, silent, waiting, idle] = await Promise.all(
    [1, 2, 3, 4].map(() => rawClient(gateway.port)),
  )
  if (!streaming || !silent || !waiting || !idle) throw new Error('four clients')
  streaming.socket.write(post('/v1/completions', '{"who":1}'))
  await until('the first is sent', () => requests.length === 1)
  requests[0]?.socket.write(EVENTS + chunk('data: 1\n\n'))
  await streaming.sees('data: 1')
  silent.socket.write(post('/v1/completions', '{"who":2}'))
  await until('the second is sent', () => requests.length === 2)
  waiting.socket.write(post('/v1/completions', '{"who":3}'))
  await until('the third waits', () => gateway.app.pool.statuses()[0]?.waiting === 1)

  const closed = gateway.app.close()
  await waiting.sees('GATEHOUSE_STOPPING')
  t.match(waiting.text(), /^HTTP\/1.1 503 .*retry-after: 5/s, 'who waits is told at once')
  t.equal(await idle.over, 'end', 'connections without a request are closed')
  t.ok(await refused(gateway.port), 'nobody comes in any more')

  requests[1]?.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
  await silent.sees('ok')
  t.match(silent.text(), /connection: close/i, 'an answer that begins now says that it is the last')
  t.equal(await silent.over, 'end')
  requests[0]?.socket.write(`${chunk('data: 2\n\n')}0\r\n\r\n`)
  await streaming.sees('0\r\n\r\n')
  t.match(streaming.text(), 'data: 2', 'a stream under way ends whole')
  await closed
})

t.test('replies that do not end in time are broken off, visibly', async (t) => {
  const requests: Received[] = []
  const upstream = await startUpstream(t, (received) => {
    requests.push(received)
    received.socket.write(EVENTS + chunk('data: 1\n\n'))
  })
  const gateway = await startGateway(t, {
    listen: { drainTimeout: '100ms' },
    backends: { text: external(upstream.url, { concurrency: 0 }) },
  })
  const [modern, old] = [await rawClient(gateway.port), await rawClient(gateway.port)]
  modern.socket.write(get('/v1/models/x', []))
  old.socket.write(post('/v1/completions', '{}').replace('HTTP/1.1', 'HTTP/1.0'))
  modern.socket.destroy()
  await old.sees('data: 1')
  const stream = await rawClient(gateway.port)
  stream.socket.write(post('/v1/completions', '{}'))
  await stream.sees('data: 1')
  await gateway.app.close()
  await stream.over
  t.notMatch(stream.text(), '0\r\n\r\n', 'chunks without a last one')
  t.equal(await old.over, 'reset', 'HTTP/1.0 has no other way to say it')
  await Promise.all(requests.map(({ closed }) => closed))
  t.pass('the backend was told as well')
})

t.test('a client that still reads what its backend has finished gets all of it', async (t) => {
  const size = 8 * 1024 * 1024
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`)
    socket.write(Buffer.alloc(size, 'x'))
  })
  const backend = external(upstream.url, { dialect: 'koboldcpp' })
  const gateway = await startGateway(t, { backends: { text: { ...backend, dialect: 'generic' } } })
  const client = await rawClient(gateway.port)
  client.socket.pause()
  client.socket.write(post('/v1/completions', '{}'))
  await until('it has begun', () => gateway.app.pool.statuses()[0]?.inFlight === 1)
  const closed = gateway.app.close()
  client.socket.resume()
  await closed
  await client.over
  t.equal(client.text().length - client.text().indexOf('\r\n\r\n') - 4, size)
})

t.test('a second signal ends the gateway at once', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.write(EVENTS + chunk('data: 1\n\n'))
  })
  const program = runGateway(t, folderWith(t, { text: external(upstream.url) }))
  const client = await rawClient(Number(new URL(await addressOf(program)).port))
  client.socket.write(post('/v1/completions', '{}'))
  await client.sees('data: 1')
  program.child.kill('SIGTERM')
  await until('it is stopping', () => program.out().includes('stopping'))
  const begun = Date.now()
  const again = setInterval(() => program.child.kill('SIGTERM'), 100) // one press within 500 ms counts as the same
  t.equal(await program.ended, 1)
  clearInterval(again)
  t.ok(Date.now() - begun < 10_000, 'long before the 30 s that running replies have')
})

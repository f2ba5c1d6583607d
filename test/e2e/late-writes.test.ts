import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { external, startGateway } from '../helpers/gateway.js'
import { post, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startUpstream } from '../helpers/upstream.js'

const EVENT = `data: ${'x'.repeat(1_000)}\n\n`
const COUNT = 6_000

t.test(
  'a client that ended its side and reads slowly has its stream, and is not written to after it',
  async (t) => {
    const upstream = await startUpstream(t, ({ socket }) => {
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n',
      )
      socket.end(EVENT.repeat(COUNT))
    })
    const settings = { dialect: 'koboldcpp', heartbeat: 'off' }
    const gateway = await startGateway(t, {
      backends: { web: external(upstream.url, { ...settings, dialect: 'generic' }) },
      routes: [{ path: '/web/*', to: 'backend:web' }],
    })
    const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    socket.pause()
    socket.end(post('/web/x', '{}', ['Connection: close']))
    await until('its backend is rid of it, or waits', () => upstream.received.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 800)) // while it is probed
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    socket.resume()
    await once(socket, 'close')
    t.ok(bytes > EVENT.length * COUNT, 'all of it came')
    t.equal((await fetch(`${gateway.url}/healthz`)).status, 200, 'and the gateway lives')
  },
)

t.test('a heartbeat does not meet the answer to an abort that is not sent yet', async (t) => {
  const requests: Received[] = []
  const upstream = await startUpstream(t, (request) => void requests.push(request))
  const gateway = await startGateway(t, {
    listen: { heartbeatInterval: '1s' },
    backends: { text: external(upstream.url, { dialect: 'generic', heartbeat: 'events' }) },
  })
  const client = await rawClient(gateway.port)
  const stream = post('/v1/completions', '{"stream":true}')
  client.socket.write(stream + stream)
  await until('the second waits', () => gateway.app.pool.statuses()[0]?.waiting === 1)
  await fetch(`${gateway.url}/api/extra/abort`, { method: 'POST', body: '{}' })
  await until('it waits no more', () => gateway.app.pool.statuses()[0]?.waiting === 0)
  await new Promise((resolve) => setTimeout(resolve, 1_500)) // more than a heartbeat
  t.equal((await fetch(`${gateway.url}/healthz`)).status, 200)
  requests[0]?.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
  await client.sees('data: [DONE]')
})

t.test('the words of an interim reply cannot become lines of their own', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    const evil = Buffer.from('HTTP/1.1 103 a\u010d\u010aX-Evil: 1\u010d\u010a\r\n\r\n', 'utf8')
    socket.write(evil)
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
  })
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const client = await rawClient(gateway.port)
  client.socket.write(post('/v1/completions', '{}', ['Connection: close']))
  await client.over
  t.notMatch(client.text(), /\nX-Evil/)
})

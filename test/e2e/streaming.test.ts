import { once } from 'node:events'
import t from 'tap'
import { external, startGateway } from '../helpers/gateway.js'
import { post, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { startUpstream } from '../helpers/upstream.js'

const STREAM_HEAD = 'HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n'

t.test('the head and every event leave at once, each before the next one is written', async (t) => {
  const seen: string[] = []
  const upstream = await startUpstream(t, async ({ socket }) => {
    socket.write(STREAM_HEAD)
    await client.sees('200 OK')
    for (let event = 0; event < 20; event += 1) {
      socket.write(`event: message\ndata: {"n":${event}}\n\n`)
      await client.sees(`{"n":${event}}`)
      seen.push(`${event}`)
    }
    socket.end('data: [DONE]\n\n')
  })
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const client = await rawClient(gateway.port)
  client.socket.write(post('/api/extra/generate/stream', '{}', ['Connection: close']))
  t.equal(await client.over, 'end')
  t.equal(seen.length, 20, 'each event arrived while the backend waited for it to')
  t.match(client.text(), /x-accel-buffering: no/i, 'a proxy in front is told not to buffer')
})

t.test('an event written in two pieces and two events in one piece arrive unchanged', async (t) => {
  const bytes = 'event: message\ndata: {"a":1}\n\nevent: message\ndata: {"b":2}\n\ndata: [DONE]'
  const upstream = await startUpstream(t, async ({ socket }) => {
    socket.write(STREAM_HEAD + bytes.slice(0, 15))
    await client.sees('event: message')
    socket.end(bytes.slice(15))
  })
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const client = await rawClient(gateway.port)
  client.socket.write(post('/v1/completions', '{}').replace('HTTP/1.1', 'HTTP/1.0'))
  await client.over
  const [head = '', body] = client.text().split('\r\n\r\n')
  t.equal(body, bytes, 'byte for byte, the unterminated last line included')
  t.notMatch(head, /transfer-encoding/i, 'a client of HTTP/1.0 gets no chunks')
})

t.test('a client that does not read stops the backend from being read', async (t) => {
  const piece = Buffer.alloc(1024 * 1024, 'x')
  const pieces = 100
  let written = 0
  const upstream = await startUpstream(t, async ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${pieces * piece.length}\r\n\r\n`)
    for (; written < pieces; written += 1) {
      if (!socket.write(piece)) await once(socket, 'drain')
    }
  })
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const client = await rawClient(gateway.port)
  client.socket.pause()
  client.socket.write(post('/v1/completions', '{}', ['Connection: close']))
  let before = -1
  await until('the backend can write no more', async () => {
    await new Promise((resolve) => setTimeout(resolve, 300))
    const stalled = written > 0 && written === before
    before = written
    return stalled
  })
  t.ok(
    written < pieces / 2,
    `only ${written} of ${pieces} MiB were taken for a client that reads none`,
  )
  client.socket.resume()
  await client.over
  t.ok(client.text().length > pieces * piece.length, 'and all of it arrived afterwards')
})

t.test('events are counted with the gaps between them', async (t) => {
  const upstream = await startUpstream(t, async ({ socket }) => {
    socket.write(`${STREAM_HEAD}data: 1\n\n`)
    await client.sees('data: 1')
    socket.write('data: 2\n')
    await client.sees('data: 2')
    socket.end('\ndata: 3\n\n')
  })
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const client = await rawClient(gateway.port)
  client.socket.write(post('/v1/completions', '{}', ['Connection: close']))
  await client.over
  await until('the exchange is logged', () => gateway.logged.some(({ events }) => events === 3))
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
  t.match(metrics, 'gatehouse_stream_events_total{backend="text",workload="text"} 3')
  t.match(metrics, /gatehouse_stream_event_gap_seconds_count\{[^}]*\} [12]\n/)
})

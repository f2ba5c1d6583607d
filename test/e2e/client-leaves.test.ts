import t from 'tap'
import { external, sample, startGateway } from '../helpers/gateway.js'
import { post, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startUpstream } from '../helpers/upstream.js'

t.test(
  'a client who leaves before the answer has begun ends the request at the backend',
  async (t) => {
    let request: Received | undefined
    const upstream = await startUpstream(t, (received) => {
      request = received
    })
    const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
    for (const how of ['end', 'resetAndDestroy'] as const) {
      request = undefined
      const client = await rawClient(gateway.port)
      client.socket.write(post('/v1/completions', '{}'))
      await until('the backend has the request', () => request !== undefined)
      if (how === 'end') client.socket.destroy()
      else client.socket.resetAndDestroy()
      await (request as Received | undefined)?.closed
      t.pass(`the backend saw it after ${how}`)
    }
    await until('both are logged', () => gone(gateway.logged).length === 2)
  },
)

t.test('a client who hangs up mid-stream gives its lease back', async (t) => {
  const requests: Received[] = []
  const upstream = await startUpstream(t, (received) => {
    requests.push(received)
    received.socket.write('HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n')
  })
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const first = await rawClient(gateway.port)
  first.socket.write(post('/v1/completions', '{}'))
  await first.sees('data: 1')
  const second = await rawClient(gateway.port)
  second.socket.write(post('/v1/completions', '{"second":true}'))
  await until('the second waits', () => gateway.app.pool.statuses()[0]?.waiting === 1)
  t.equal(requests.length, 1, 'the lane holds the second back')
  first.socket.destroy()
  await requests[0]?.closed
  await second.sees('data: 1')
  second.socket.destroy()
  await until('no lease is left', () => gateway.app.pool.statuses()[0]?.inFlight === 0)
})

t.test('a client who leaves the lane costs the backend nothing', async (t) => {
  const requests: Received[] = []
  const upstream = await startUpstream(t, (received) => void requests.push(received))
  const gateway = await startGateway(t, { backends: { text: external(upstream.url) } })
  const waiting = () => gateway.app.pool.statuses()[0]?.waiting
  const [running, leaver, stayer] = [
    await rawClient(gateway.port),
    await rawClient(gateway.port),
    await rawClient(gateway.port),
  ]
  running.socket.write(post('/v1/completions', '{"who":"running"}'))
  await until('one runs', () => requests.length === 1)
  leaver.socket.write(post('/v1/completions', '{"who":"leaver"}'))
  await until('one waits', () => waiting() === 1)
  stayer.socket.write(post('/v1/completions', '{"who":"stayer"}'))
  await until('two wait', () => waiting() === 2)
  leaver.socket.destroy()
  await until('one waits again', () => waiting() === 1)
  requests[0]?.socket.end('HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok')
  await until('the stayer runs', () => requests.length === 2)
  t.match(String(requests[1]?.body), 'stayer', 'the leaver was never sent')
  requests[1]?.socket.end('HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok')
  await stayer.sees('ok')
})

t.test('a start goes on for those who stay when one of its waiters leaves', async (t) => {
  const gateway = await startGateway(t, {
    backends: { text: { ...sample('text', ['--load-time', '600']), concurrency: 2 } },
  })
  const leaver = await rawClient(gateway.port)
  leaver.socket.write(post('/api/v1/generate', '{"prompt":"It was","max_length":2}'))
  await until('it starts', () => gateway.moves.some(({ to }) => to === 'starting'))
  const stayer = fetch(`${gateway.url}/api/v1/generate`, {
    method: 'POST',
    body: JSON.stringify({ prompt: 'It was', max_length: 2 }),
  })
  leaver.socket.destroy()
  t.equal((await stayer).status, 200)
  t.equal(gateway.starts.length, 1)
})

t.test('pipelined requests whose client leaves give all their leases back', async (t) => {
  const upstream = await startUpstream(t, ({ socket }) => {
    socket.write('HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n')
  })
  const gateway = await startGateway(t, {
    backends: { text: external(upstream.url, { concurrency: 3 }) },
  })
  const inFlight = () => gateway.app.pool.statuses()[0]?.inFlight
  const client = await rawClient(gateway.port)
  client.socket.write(post('/v1/completions', '{}').repeat(3))
  await until('all three run', () => upstream.received.length === 3)
  client.socket.destroy()
  await until('no lease is left', () => inFlight() === 0)
  await until('all three are logged', () => gone(gateway.logged).length === 3)
})

function gone(logged: readonly Record<string, unknown>[]) {
  return logged.filter(({ outcome }) => outcome === 'client_gone')
}

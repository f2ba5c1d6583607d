import { performance } from 'node:perf_hooks'
import t from 'tap'
import { get, parseReplies, rawClient, repliesTo, valuesOf } from '../helpers/raw-client.js'
import { saying, startProxied } from '../helpers/upstream.js'

const EXPECT = 'Expect: 100-continue'

/** The head of a POST that waits for leave to send so many bytes. */
function expecting(path: string, length: number, expect = EXPECT): string {
  return get(path, [expect, `Content-Length: ${length}`], 'POST')
}

t.test('a client that waits for leave to send its body gets it when it is wanted', async (t) => {
  const upstream = await startProxied(t, saying({}), { backend: { bodies: 'buffer' } })
  const client = await rawClient(upstream.port)
  client.socket.write(expecting('/p', 2))
  await client.sees('HTTP/1.1 100 Continue\r\n\r\n')
  client.socket.write('ok')
  const replies = await repliesTo(client, ['POST'])
  t.same(
    replies.map(({ status }) => status),
    [100, 200],
  )
  t.equal(upstream.received[0]?.body.toString(), 'ok')
  t.equal(upstream.received[0]?.headers.expect, undefined)
  client.socket.destroy()
})

t.test('nobody is asked for a body that is refused', async (t) => {
  const listen = { bufferBytes: '1KiB' }
  const upstream = await startProxied(t, saying({}), { listen, backend: { bodies: 'buffer' } })
  const requests: [bytes: string, status: number][] = [
    [expecting('/p', 2000), 413],
    [expecting('/gatehouse/nowhere', 2), 404],
    [expecting('/a/../b', 2), 400],
    [expecting('/p', 2, 'Expect: 200-ok'), 417],
    [expecting('/p', 2, 'Expect: 100-continue, x'), 417],
  ]
  for (const [bytes, status] of requests) {
    const client = await rawClient(upstream.port)
    client.socket.write(bytes)
    const replies = await repliesTo(client, ['POST'])
    t.same(
      replies.map((reply) => reply.status),
      [status],
      bytes,
    )
    t.match(replies[0]?.body, 'GATEHOUSE_')
    client.socket.destroy()
  }
  t.same(upstream.received, [])
})

t.test('an unknown expectation is answered in our words, and ends the connection', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const client = await rawClient(upstream.port)
  client.socket.write(expecting('/v1/p', 2, 'Expect: tea'))
  t.equal(await client.over, 'end')
  const [reply] = parseReplies(client.text())
  t.match(JSON.parse(reply?.body ?? ''), { error: { code: 'GATEHOUSE_BAD_EXPECTATION' } })
  t.same(reply && valuesOf(reply, 'connection'), ['close'])
})

t.test('in HTTP/1.0 nothing is expected', async (t) => {
  const upstream = await startProxied(t, saying({}), { backend: { bodies: 'buffer' } })
  const client = await rawClient(upstream.port)
  client.socket.write(`POST /p HTTP/1.0\r\n${EXPECT}\r\nContent-Length: 2\r\n\r\nok`)
  await client.over
  t.same(
    parseReplies(client.text()).map(({ status }) => status),
    [200],
  )
})

t.test('a client that falls silent within its body gets 408 and no backend', async (t) => {
  const upstream = await startProxied(t, saying({}), {
    listen: { bodyTimeout: '200ms' },
    backend: { bodies: 'buffer' },
  })
  const bodies = [
    get('/v1/p', ['Content-Length: 5'], 'POST'),
    `${get('/v1/p', ['Content-Length: 5'], 'POST')}hell`,
    `${get('/v1/p', ['Transfer-Encoding: chunked'], 'POST')}5\r\nhell`,
    expecting('/v1/p', 5),
  ]
  for (const bytes of bodies) {
    const client = await rawClient(upstream.port)
    const start = performance.now()
    client.socket.write(bytes)
    t.equal(await client.over, 'end')
    const tookMs = performance.now() - start
    t.ok(tookMs >= 200 && tookMs < 1000, `${tookMs} ms`)
    const reply = parseReplies(client.text()).at(-1)
    t.equal(reply?.status, 408)
    t.match(JSON.parse(reply?.body ?? ''), { error: { code: 'GATEHOUSE_REQUEST_TIMEOUT' } })
    t.same(reply && valuesOf(reply, 'connection'), ['close'])
  }
  t.same(upstream.received, [])
})

t.test('a client that is slow, but not silent, is not cut off', async (t) => {
  const upstream = await startProxied(t, saying({}), {
    listen: { bodyTimeout: '200ms' },
    backend: { bodies: 'buffer' },
  })
  const client = await rawClient(upstream.port)
  client.socket.write(get('/p', ['Content-Length: 8'], 'POST'))
  for (const byte of 'slowness') {
    await new Promise((resolve) => setTimeout(resolve, 100))
    client.socket.write(byte)
  }
  const [reply] = await repliesTo(client, ['POST'])
  t.equal(reply?.status, 200)
  t.equal(upstream.received[0]?.body.toString(), 'slowness')
  client.socket.destroy()
})

import { once } from 'node:events'
import t from 'tap'
import { exchange, get, parseReplies, post, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Proxied, type Received, startProxied } from '../helpers/upstream.js'

/** Numbers in the titles are those of the findings about the stock plugin (proxy-duties 6). */
const DOOR = '/gatehouse/backends/web'
const CLOSE = ['Connection: close']
const OK = 'HTTP/1.1 200 OK\r\n'
const STREAM = `${OK}content-type: text/event-stream\r\n`

function outcomes({ gateway }: Proxied): unknown[] {
  return gateway.logged.flatMap(({ outcome }) => outcome ?? [])
}

async function leaseEnds({ gateway }: Proxied): Promise<void> {
  await until('no lease is left', () => gateway.app.pool.statuses()[0]?.inFlight === 0)
}

t.test('1: a client who leaves before the head of the answer ends the request', async (t) => {
  let request: Received | undefined
  const upstream = await startProxied(t, (received) => {
    request = received
  })
  for (const bytes of [get(`${DOOR}/x`), post(`${DOOR}/x`, '{}')]) {
    for (const how of ['destroy', 'resetAndDestroy'] as const) {
      request = undefined
      const client = await rawClient(upstream.port)
      client.socket.write(bytes)
      await until('the backend has the request', () => request !== undefined)
      client.socket[how]()
      await (request as Received | undefined)?.closed
      await leaseEnds(upstream)
    }
  }
  await until('all are logged', () => outcomes(upstream).length === 4)
  t.same(new Set(outcomes(upstream)), new Set(['client_gone']))
})

t.test('1: a client who leaves mid-stream ends the request too', async (t) => {
  const upstream = await startProxied(t, ({ socket }) => {
    socket.write(`${STREAM}\r\ndata: 1\n\n`)
  })
  const client = await rawClient(upstream.port)
  client.socket.write(get(`${DOOR}/x`))
  await client.sees('data: 1')
  client.socket.destroy()
  await upstream.received[0]?.closed
  await leaseEnds(upstream)
  await until('it is logged', () => outcomes(upstream).length === 1)
  t.same(outcomes(upstream), ['client_gone'])
})

t.test('a client that only sends no more has its answer, and nothing else', async (t) => {
  const upstream = await startProxied(t, async ({ socket }) => {
    socket.write(`${STREAM}\r\ndata: 1\n\n`)
    await client.sees('data: 1')
    client.socket.end()
    await client.sees(':\n\n')
    socket.end('data: 2\n\n')
  })
  const client = await rawClient(upstream.port)
  client.socket.write(get(`${DOOR}/x`))
  await client.over
  const [reply] = parseReplies(client.text())
  t.match(reply?.body, /^data: 1\n\n(?::\n\n)+data: 2\n\n$/)
  t.ok(reply?.isWhole)
})

t.test('6: whatever a backend does instead of answering is a 502 without an address', async (t) => {
  const misdeeds: Record<string, (received: Received) => void> = {
    '/hangs-up': ({ socket }) => void socket.end(),
    '/resets': ({ socket }) => void socket.resetAndDestroy(),
    '/talks-garbage': ({ socket }) => void socket.end('garbage\r\n\r\n'),
    '/breaks-its-head': ({ socket }) => void socket.end(`${OK}content-le`),
    '/has-two-lengths': ({ socket }) =>
      void socket.end(`${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nab`),
    '/has-no-such-status': ({ socket }) =>
      void socket.end('HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n'),
  }
  const upstream = await startProxied(
    t,
    (received) => {
      misdeeds[received.path.slice('/base'.length)]?.(received)
    },
    { basePath: '/base' },
  )
  for (const path of Object.keys(misdeeds)) {
    const { reply } = await exchange(upstream.port, get(DOOR + path, CLOSE))
    t.equal(reply.status, 502, path)
    t.match(reply.body, 'GATEHOUSE_UPSTREAM_FAILED')
    t.notMatch(reply.body, /127\.0\.0\.1|ECONN|UND_ERR|socket/i)
  }
  await leaseEnds(upstream)
  t.same(new Set(outcomes(upstream)), new Set(['upstream_error']))
})

t.test('6: a reset within an upload is a 502, and so is a connection refused', async (t) => {
  const upstream = await startProxied(t, ({ socket }) => void socket.resetAndDestroy(), {
    answersAt: 'head',
    backend: { bodies: 'stream' },
  })
  const client = await rawClient(upstream.port)
  client.socket.write(post(`${DOOR}/x`, '').replace('Length: 0', 'Length: 1000000'))
  client.socket.write('some of it')
  await client.sees('HTTP/1.1 502')
  await client.over
  await leaseEnds(upstream)
  await until('it is logged', () => outcomes(upstream).length === 1)
  t.same(outcomes(upstream), ['upstream_error'])
  upstream.server.close()
  await once(upstream.server, 'close')
  const { reply } = await exchange(upstream.port, get(`${DOOR}/x`, CLOSE))
  t.equal(reply.status, 502)
  t.notMatch(reply.body, /127\.0\.0\.1|ECONN|UND_ERR|socket/i)
})

t.test('6: a backend whose time is over before it answers is a 504', async (t) => {
  const limits = [{ timeouts: { headers: '50ms' } }, { requestTimeout: '50ms' }]
  for (const backend of limits) {
    const upstream = await startProxied(t, () => {}, { backend })
    const { reply } = await exchange(upstream.port, get(`${DOOR}/x`, CLOSE))
    t.equal(reply.status, 504)
    t.match(reply.body, 'GATEHOUSE_UPSTREAM_TIMEOUT')
    await upstream.received[0]?.closed
    await leaseEnds(upstream)
    await until('it is logged', () => outcomes(upstream).length === 1)
    t.same(outcomes(upstream), ['timeout'])
  }
})

t.test('a backend whose time is over within its answer breaks that off', async (t) => {
  const limits = [{ timeouts: { bodyIdle: '50ms' } }, { requestTimeout: '50ms' }]
  for (const backend of limits) {
    const upstream = await startProxied(
      t,
      ({ socket }) => void socket.write(`${STREAM}\r\ndata: 1\n\n`),
      { backend },
    )
    const { reply } = await exchange(upstream.port, get(`${DOOR}/x`, CLOSE))
    t.equal(reply.status, 200)
    t.notOk(reply.isWhole)
    await upstream.received[0]?.closed
    await leaseEnds(upstream)
    await until('it is logged', () => outcomes(upstream).length === 1)
    t.same(outcomes(upstream), ['upstream_broken'])
  }
})

t.test('7: a 304 with a length is passed on, and the connection lives on', async (t) => {
  const upstream = await startProxied(t, ({ socket }) => {
    socket.write('HTTP/1.1 304 Not Modified\r\netag: "a"\r\ncontent-length: 100\r\n\r\n')
  })
  const client = await rawClient(upstream.port)
  for (let turn = 1; turn <= 3; turn += 1) {
    client.socket.write(get(`${DOOR}/x`))
    await until('it is answered', () => client.text().match(/304 Not Modified/g)?.length === turn)
  }
  t.match(client.text(), /content-length: 100/i)
  t.notOk(client.socket.destroyed)
  await leaseEnds(upstream)
  await until('all are logged', () => outcomes(upstream).length === 3)
  t.same(new Set(outcomes(upstream)), new Set(['ok']))
})

t.test('8: a 503 is passed on and never asked for again', async (t) => {
  const upstream = await startProxied(t, ({ socket }) => {
    socket.end('HTTP/1.0 503 Busy\r\nretry-after: 1\r\ncontent-length: 4\r\n\r\nbusy')
  })
  const { reply } = await exchange(upstream.port, get(`${DOOR}/x`, CLOSE))
  t.equal(reply.status, 503)
  t.equal(reply.body, 'busy')
  t.equal(upstream.received.length, 1)
})

t.test(
  '14: an unasked 100 and other interim answers are dropped, and the answer passes',
  async (t) => {
    const interims = [
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n',
    ]
    const upstream = await startProxied(t, ({ socket, path }) => {
      socket.end(`${interims[Number(path.slice(1))]}${OK}content-length: 2\r\n\r\nok`)
    })
    for (const [at] of interims.entries()) {
      const { reply } = await exchange(upstream.port, get(`${DOOR}/${at}`, CLOSE))
      t.equal(reply.status, 200)
      t.equal(reply.body, 'ok')
    }
  },
)

t.test('15: an answer that a reset breaks off arrives broken, however it is framed', async (t) => {
  const heads: Record<string, string> = {
    '/closes': 'HTTP/1.0 200 OK\r\n\r\n',
    '/says-close': `${OK}connection: close\r\n\r\n`,
    '/says-length': `${OK}content-length: 9\r\n\r\n`,
    '/chunked': `${OK}transfer-encoding: chunked\r\n\r\n4\r\n`,
  }
  const upstream = await startProxied(t, async ({ socket, path }) => {
    socket.write(`${heads[path]}some`)
    await client.sees('some')
    socket.resetAndDestroy()
  })
  let client = await rawClient(upstream.port)
  for (const path of Object.keys(heads)) {
    client = await rawClient(upstream.port)
    client.socket.write(get(DOOR + path))
    await client.over
    t.match(client.text(), 'some', path)
    t.notMatch(client.text(), '\r\n0\r\n', 'no end of it is written')
  }
  await leaseEnds(upstream)
  await until('all are logged', () => outcomes(upstream).length === 4)
  t.same(new Set(outcomes(upstream)), new Set(['upstream_broken']))
})

t.test(
  '15: a client of HTTP/1.0, whose answers have no frame, sees the reset itself',
  async (t) => {
    const upstream = await startProxied(t, async ({ socket }) => {
      socket.write(`${OK}transfer-encoding: chunked\r\n\r\n4\r\nsome`)
      await client.sees('some')
      socket.resetAndDestroy()
    })
    const client = await rawClient(upstream.port)
    client.socket.write(get(`${DOOR}/x`).replace('HTTP/1.1', 'HTTP/1.0'))
    t.equal(await client.over, 'reset')
    t.notMatch(client.text(), /transfer-encoding/i)
  },
)

t.test(
  'a client that falls silent within its upload is cut off, and so is the backend',
  async (t) => {
    const upstream = await startProxied(t, () => {}, {
      answersAt: 'head',
      listen: { bodyTimeout: '100ms' },
      backend: { bodies: 'stream' },
    })
    const client = await rawClient(upstream.port)
    client.socket.write(post(`${DOOR}/x`, '').replace('Length: 0', 'Length: 1000'))
    client.socket.write('some of it')
    await client.sees('HTTP/1.1 408')
    await upstream.received[0]?.closed
    client.socket.destroy()
    await leaseEnds(upstream)
    t.equal(client.text().match(/HTTP\/1\.1/g)?.length, 1)
  },
)

t.test('19: a client whose head does not come is cut off', async (t) => {
  const upstream = await startProxied(t, () => {}, { listen: { headerTimeout: '100ms' } })
  const { reply } = await exchange(upstream.port, `GET ${DOOR}/x HTTP/1.1\r\nHost: door\r\n`)
  t.equal(reply.status, 408)
  t.equal(upstream.received.length, 0)
})

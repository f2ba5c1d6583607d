import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { get, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import {
  accept,
  accepting,
  offer,
  standsStill,
  startTunnel,
  startTunnelled,
} from '../helpers/websocket.js'

const MIB = 1024 * 1024

t.test('bytes pass both ways at once, each before the next is written', async (t) => {
  const { client, far } = await startTunnel(t)
  for (const [from, to] of [
    [client.socket, far],
    [far.socket, client],
  ] as const) {
    for (let turn = 0; turn < 20; turn += 1) {
      from.write(`turn ${turn};`)
      await to.sees(`turn ${turn};`)
    }
  }
  far.socket.write('HTTP/1.1 100 Continue\r\n\r\nH')
  await client.sees('HTTP/1.1 100 Continue\r\n\r\nH')
  t.pass('and what looks like HTTP is not looked at')
})

t.test('bytes that come with the handshake are not lost, nor those with the 101', async (t) => {
  const { port, handshakes } = await startTunnelled(t, () => {})
  const client = await rawClient(port)
  client.socket.write(`${offer('/live')}with the head;`)
  await until('the backend was asked', () => handshakes.length === 1)
  client.socket.write('while it thinks;')
  handshakes[0]?.socket.write(`${accepting()}early from the backend`)
  await client.sees('\r\n\r\nearly from the backend')
  client.socket.write('after')
  await handshakes[0]?.sees('with the head;while it thinks;after')
  t.equal(handshakes[0]?.received().toString(), 'with the head;while it thinks;after')
})

t.test('megabytes pass both ways at the same time, byte for byte', async (t) => {
  const { port, handshakes } = await startTunnelled(t, accept)
  const [up, down] = [randomBytes(16 * MIB), randomBytes(16 * MIB)]
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  let length = 0
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    length += chunk.length
  })
  socket.write(offer('/live'))
  await until('it is accepted', () => length > 0)
  const head = length
  const [far] = handshakes
  socket.write(up)
  far?.socket.write(down)
  await until('all is there', () => length === head + down.length)
  t.ok(Buffer.concat(chunks).subarray(head).equals(down), 'to the client')
  await until('all is there', () => far?.received().length === up.length)
  t.ok(far?.received().equals(up), 'to the backend')
  socket.destroy()
})

for (const reader of ['client', 'backend'] as const) {
  t.test(`a ${reader} that does not read stops the other side`, async (t) => {
    const { client, far } = await startTunnel(t)
    const [stalled, writer] =
      reader === 'client' ? [client.socket, far.socket] : [far.socket, client.socket]
    stalled.pause()
    const piece = Buffer.alloc(MIB)
    let written = 0
    const pump = () => {
      while (written < 256 && writer.write(piece)) written += 1
    }
    writer.on('drain', pump)
    pump()
    await standsStill(() => writer.bytesWritten - writer.writableLength)
    t.ok(written < 32, `${written} MiB were taken for a ${reader} that reads none`)
    const back = reader === 'client' ? far : client
    stalled.write('the other way is open')
    await back.sees('the other way is open')
    t.pass('the other way is open')
    stalled.resume()
    await until('all of it is taken', () => written >= 128)
  })
}

t.test('an idle tunnel outlives all timeouts of requests', async (t) => {
  const timeouts = { headers: '300ms', bodyIdle: '300ms' }
  const listen = {
    keepAliveTimeout: '200ms',
    headerTimeout: '300ms',
    bodyTimeout: '200ms',
    heartbeatInterval: '100ms',
  }
  const { client, far } = await startTunnel(t, {
    listen,
    backend: { timeouts, requestTimeout: '400ms', heartbeat: 'json', livenessInterval: '100ms' },
  })
  await sleep(2_500) // longer than all of these, and than the second at which Node looks for connections that are late
  t.match(client.text(), /\r\n\r\n$/, 'nothing was said into it')
  client.socket.write('ping')
  await far.sees('ping')
  far.socket.write('pong')
  await client.sees('pong')
})

t.test('a tunnel on a connection that was used before outlives its keep-alive', async (t) => {
  const tunnelled = await startTunnelled(
    t,
    ({ socket, path }) => {
      if (path === '/live') socket.write(accepting())
      else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    },
    { listen: { keepAliveTimeout: '300ms' } },
  )
  const client = await rawClient(tunnelled.port)
  client.socket.write(get('/plain'))
  await client.sees('\r\n\r\nok')
  client.socket.write(offer('/live'))
  await client.sees(' 101 ')
  await sleep(1_600)
  client.socket.write('ping')
  await tunnelled.handshakes[1]?.sees('ping')
  t.pass('it lives')
})

t.test('a client whose wait is told by heartbeats gets its 101 unmixed', async (t) => {
  const { port, handshakes } = await startTunnelled(t, () => {}, {
    listen: { heartbeatInterval: '50ms' },
    backend: { heartbeat: 'json', concurrency: 1 },
  })
  const client = await rawClient(port)
  client.socket.write(offer('/v1/realtime', ['Accept: text/event-stream']))
  await until('the backend was asked', () => handshakes.length === 1)
  await sleep(300)
  t.equal(client.text(), '', 'nothing yet')
  handshakes[0]?.socket.write(accepting())
  await client.sees('\r\n\r\n')
  t.match(client.text(), /^HTTP\/1\.1 101 /)
})

t.test('an offer behind requests that are not answered yet waits for them', async (t) => {
  const tunnelled = await startTunnelled(t, ({ socket, path }) => {
    if (path === '/live') socket.write(accepting())
  })
  const { port, handshakes } = tunnelled
  const client = await rawClient(port)
  client.socket.write(`${get('/first')}${get('/second')}${offer('/live')}early`)
  await until('both were asked', () => handshakes.length === 2)
  for (const { socket, path } of [...handshakes].reverse()) {
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${path.length}\r\n\r\n${path}`)
  }
  await client.sees(' 101 ')
  t.match(client.text(), /\/first.*\/second.* 101 /s, 'in order')
  await handshakes[2]?.sees('early')
  client.socket.destroy()
})

t.test('a client that leaves while its offer waits behind a request ends that', async (t) => {
  const { port, handshakes, inFlight } = await startTunnelled(t, () => {})
  const client = await rawClient(port)
  client.socket.write(`${get('/first')}${offer('/live')}`)
  await until('the first was asked', () => handshakes.length === 1)
  client.socket.resetAndDestroy()
  await handshakes[0]?.over
  await until('all is given back', () => inFlight() === 0)
  t.equal(handshakes.length, 1)
})

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { get, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import {
  accepting,
  type Handshake,
  offer,
  startTunnelled,
  type TunnelSettings,
} from '../helpers/websocket.js'

const ACCEPT = ({ socket }: Handshake) => void socket.write(accepting())
const MIB = 1024 * 1024

/** A tunnel that stands: both its ends, and the gateway between them. */
async function startTunnel(t: Test, settings: TunnelSettings = {}) {
  const tunnelled = await startTunnelled(t, ACCEPT, settings)
  const client = await rawClient(tunnelled.port)
  client.socket.write(offer('/live'))
  await client.sees('\r\n\r\n')
  const [far] = tunnelled.handshakes
  if (!far) throw new Error('no handshake')
  const isOver = () => tunnelled.inFlight() === 0 && tunnelled.sockets.size === 0
  return { ...tunnelled, client, far, isOver }
}

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
  const { port, handshakes } = await startTunnelled(t, ACCEPT)
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

/** Resolves when a number has not changed for a while. */
async function standsStill(number: () => number): Promise<void> {
  let before = -1
  await until('it stands still', async () => {
    const same = number() === before
    before = number()
    if (!same) await sleep(300)
    return same
  })
}

const WAYS: Readonly<Record<string, (socket: Socket) => void>> = {
  'ends in order': (socket) => void socket.end('last words'),
  'is reset': (socket) => void socket.resetAndDestroy(),
}

for (const [way, leave] of Object.entries(WAYS)) {
  t.test(`a client that ${way} ends the backend's connection`, async (t) => {
    const { client, far, isOver, gateway } = await startTunnel(t)
    leave(client.socket)
    t.equal(await far.over, 'end')
    if (way === 'ends in order') t.equal(far.received().toString(), 'last words')
    await until('all is given back', isOver)
    await until('it is logged', () => gateway.logged.some(({ status }) => status === 101))
    t.match(
      gateway.logged.find(({ status }) => status === 101),
      { outcome: 'ok' },
    )
  })

  t.test(`a backend that ${way} ends the client's connection`, async (t) => {
    const { client, far, isOver, gateway } = await startTunnel(t)
    leave(far.socket)
    t.equal(await client.over, 'end')
    if (way === 'ends in order') t.match(client.text(), /last words$/)
    await until('all is given back', isOver)
    await until('it is logged', () => gateway.logged.some(({ status }) => status === 101))
    t.match(
      gateway.logged.find(({ status }) => status === 101),
      { outcome: 'ok' },
    )
  })

  t.test(`a client that ${way} during the handshake ends the backend's connection`, async (t) => {
    for (const onClientGone of ['cancel', 'finish']) {
      const settings = { backend: { onClientGone } }
      const { port, handshakes, inFlight, sockets, gateway } = await startTunnelled(
        t,
        () => {},
        settings,
      )
      const client = await rawClient(port)
      client.socket.write(offer('/live'))
      await until('the backend was asked', () => handshakes.length === 1)
      leave(client.socket)
      await handshakes[0]?.over
      await until('all is given back', () => inFlight() === 0 && sockets.size === 0)
      await until('it is logged', () => gateway.logged.some(({ outcome }) => outcome))
      t.match(
        gateway.logged.find(({ outcome }) => outcome),
        { outcome: 'client_gone' },
      )
    }
  })
}

t.test('megabytes that one side sent before it ended are delivered to a slow other', async (t) => {
  for (const leaver of ['client', 'backend'] as const) {
    const { client, far } = await startTunnel(t)
    const [from, to] = leaver === 'client' ? [client, far] : [far, client]
    const received = () => to.socket.bytesRead
    const before = received()
    to.socket.pause()
    from.socket.end(Buffer.alloc(8 * MIB))
    // Whoever is to get it talks on meanwhile: what he says must not cost him what he is to hear.
    to.socket.write(Buffer.alloc(MIB))
    await standsStill(() => from.socket.bytesWritten - from.socket.writableLength)
    to.socket.resume()
    await to.over
    t.equal(received() - before, 8 * MIB, `all that the ${leaver} sent`)
  }
})

t.test('a backend that does not end with its client is not waited for', async (t) => {
  const { client, far, isOver } = await startTunnel(t, { allowHalfOpen: true })
  client.socket.end('bye')
  t.equal(await far.over, 'end')
  t.equal(far.received().toString(), 'bye')
  far.socket.on('error', () => {})
  const talk = setInterval(() => far.socket.write('still here'), 50)
  await until('all is given back', isOver)
  clearInterval(talk)
})

t.test('an answer to the last words still reaches a client that reads on', async (t) => {
  const { port, handshakes } = await startTunnelled(t, ACCEPT, { allowHalfOpen: true })
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.write(offer('/live'))
  await until('it is accepted', () => text.includes('\r\n\r\n'))
  socket.end('close')
  await handshakes[0]?.over
  handshakes[0]?.socket.end('closed')
  await once(socket, 'close')
  t.match(text, /\r\n\r\nclosed$/)
})

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

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { accept, offer, standsStill, startTunnel, startTunnelled } from '../helpers/websocket.js'

const MIB = 1024 * 1024

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
      const { port, handshakes, inFlight, gateway } = await startTunnelled(t, () => {}, settings)
      const client = await rawClient(port)
      client.socket.write(offer('/live'))
      await until('the backend was asked', () => handshakes.length === 1)
      leave(client.socket)
      await handshakes[0]?.over
      await until('all is given back', () => inFlight() === 0)
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
  const { port, handshakes } = await startTunnelled(t, accept, { allowHalfOpen: true })
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

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import t from 'tap'
import { Ports } from '../../src/launchers/ports.js'

const HOST = '127.0.0.1'

async function listen(host: string, port = 0): Promise<Server> {
  const server = createServer().listen(port, host)
  await once(server, 'listening')
  return server
}

t.test('no port is chosen twice while it is claimed', async (t) => {
  const ports = new Ports()
  const chosen = await Promise.all(Array.from({ length: 300 }, () => ports.choose(HOST)))
  t.equal(new Set(chosen).size, chosen.length)
  t.ok(chosen.every((port) => port > 0 && port < 65_536))
})

t.test('no chosen port is one that the system may give to an outgoing connection', async (t) => {
  const ports = new Ports()
  const chosen = await Promise.all(Array.from({ length: 50 }, () => ports.choose(HOST)))
  t.ok(
    chosen.every((port) => port < 32_768),
    String(chosen),
  )
})

t.test('a claimed port is passed over though the system offers it again', async (t) => {
  const ports = new Ports()
  const first = await ports.choose(HOST)
  const server = await listen(HOST, first)
  server.close()
  const others = await Promise.all(Array.from({ length: 100 }, () => ports.choose(HOST)))
  t.notOk(others.includes(first))
  ports.release(first)
  ports.release(first)
  t.equal(await ports.check(HOST, first), first, 'given back, it is a free port like any other')
})

t.test('a port that the configuration gives to a backend is not chosen for another', async (t) => {
  const ports = new Ports()
  const first = await ports.choose(HOST)
  ports.release(first)
  const around = Array.from({ length: 200 }, (_, at) => first - 100 + at)
  ports.reserve(around)
  const others = await Promise.all(Array.from({ length: 100 }, () => ports.choose(HOST)))
  t.notOk(others.some((port) => around.includes(port)))
})

t.test('a chosen port can be listened on', async (t) => {
  const port = await new Ports().choose(HOST)
  const server = await listen(HOST, port)
  t.teardown(() => server.close())
  t.equal((server.address() as AddressInfo).port, port)
})

t.test('a port is free when nobody listens there, and not while somebody does', async (t) => {
  const ports = new Ports()
  const server = await listen(HOST)
  const { port } = server.address() as AddressInfo
  await t.rejects(ports.check(HOST, port), { code: 'EADDRINUSE' })
  server.close()
  await once(server, 'close')
  t.equal(await ports.check(HOST, port), port)
  t.equal(await ports.check(HOST, port), port, 'asking does not take it')
})

t.test('a program that listens on every address takes the port here too', async (t) => {
  const server = await listen('0.0.0.0')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  await t.rejects(new Ports().check(HOST, port), { code: 'EADDRINUSE' })
})

t.test('an address that is not of this machine has no free port', async (t) => {
  await t.rejects(new Ports().check('192.0.2.1', 45_678), { code: 'EADDRNOTAVAIL' })
})

t.test('an IPv6 host may stand in brackets', async (t) => {
  const server = await listen('::1').catch(() => undefined)
  if (!server) return t.pass('this machine has no IPv6')
  t.teardown(() => server.close())
  const ports = new Ports()
  const { port } = server.address() as AddressInfo
  await t.rejects(ports.check('[::1]', port), { code: 'EADDRINUSE' })
  return t.ok((await ports.choose('[::1]')) > 0)
})

import { connect } from 'node:net'
import t from 'tap'
import { StartFailure } from '../../src/launchers/launcher.js'
import { createSocketProxy } from '../../src/socket-proxy/server.js'
import { dockerLauncher } from '../helpers/docker.js'
import { KILL_SOON, STAYS } from '../helpers/processes.js'
import { LABELS, startSocketProxy } from '../helpers/socket-proxy.js'
import { until } from '../helpers/until.js'

t.test('a gateway uses a labelled container through it', async (t) => {
  const { engine, dockerHost, refused } = await startSocketProxy(t)
  const labels = { ...LABELS, 'com.docker.compose.service': 'text' }
  engine.add('text', { labels, greeting: 'hello\n' })
  for (const container of [{ name: 'text' }, { service: 'text', project: undefined }]) {
    const run = await dockerLauncher(t, { dockerHost, container }).start()
    await until('its output is there', async () => (await run.lastOutput()).includes('hello'))
    await run.stop(KILL_SOON)
    t.equal(engine.isRunning('text'), false)
  }
  t.same(refused, [])
})

t.test('a container without the label is refused, and not touched', async (t) => {
  const { engine, dockerHost, refused, port } = await startSocketProxy(t)
  engine.add('other')
  const launcher = (container: object) =>
    dockerLauncher(t, { dockerHost, container: container as { name: string } }).launcher
  const byName = await launcher({ name: 'other' })
    .start(STAYS)
    .catch((error) => error)
  t.ok(byName instanceof StartFailure)
  t.match(byName.message, 'the socket proxy does not let the gateway use its container')
  for (const verb of ['start', 'stop']) {
    const reply = await fetch(`http://127.0.0.1:${port}/containers/other/${verb}`, {
      method: 'POST',
    })
    t.equal(reply.status, 403)
    t.match(await reply.json(), { message: 'the container has no label gatehouse.backend' })
  }
  t.equal(refused.length, 3)
  const touched = engine.asked.filter(({ call }) => call.startsWith('POST'))
  t.same(touched, [], 'the engine was only asked whose it is')
})

t.test('the environment of a labelled container stays at the engine', async (t) => {
  const { engine, port } = await startSocketProxy(t)
  engine.add('text', { labels: LABELS, env: ['HF_TOKEN=secret'] })
  const one = await (await fetch(`http://127.0.0.1:${port}/containers/text/json`)).text()
  const all = await (await fetch(`http://127.0.0.1:${port}/containers/json?all=1`)).text()
  t.match(JSON.parse(one), { Name: '/text' })
  t.match(JSON.parse(all), [{ Names: ['/text'] }])
  t.notMatch(one + all, 'secret')
})

t.test('a call that is not let through never reaches the engine, nor does a body', async (t) => {
  const { engine, port, refused } = await startSocketProxy(t)
  const create = await fetch(`http://127.0.0.1:${port}/v1.47/containers/create`, {
    method: 'POST',
    body: JSON.stringify({ Image: 'evil', HostConfig: { Privileged: true } }),
  })
  t.equal(create.status, 403)
  t.same(engine.asked, [])
  t.same(refused, ['POST /v1.47/containers/create'])
})

t.test('a call in the shape of an upgrade is judged like any other', async (t) => {
  const { engine, port } = await startSocketProxy(t)
  engine.add('text', { labels: LABELS })
  const reply = await rawly(
    port,
    'POST /containers/text/attach?stream=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
  )
  t.match(reply, /^HTTP\/1\.1 403 /)
  t.match(await rawly(port, 'CONNECT engine:80 HTTP/1.1\r\nHost: x\r\n\r\n'), /^$/)
  t.same(engine.asked, [])
})

t.test('an engine that is not there is 502', async (t) => {
  const server = createSocketProxy({
    socketPath: '/nowhere/docker.sock',
    label: { name: 'x', value: undefined },
    onRefusal: () => {},
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const reply = await fetch(`http://127.0.0.1:${port}/containers/text/json`)
  t.equal(reply.status, 502)
  t.match(await reply.json(), { message: 'the engine cannot be reached' })
})

t.test('whoever reads an output and leaves ends the reading at the engine', async (t) => {
  const { engine, port } = await startSocketProxy(t)
  engine.add('text', { labels: LABELS, greeting: 'hello\n' })
  engine.start('text')
  const leave = new AbortController()
  const url = `http://127.0.0.1:${port}/containers/text/logs?follow=1&stdout=1`
  const reply = await fetch(url, { signal: leave.signal })
  t.equal(reply.status, 200)
  t.equal(engine.readers('text'), 1)
  leave.abort()
  await until('nobody reads', () => engine.readers('text') === 0)
})

/** What the proxy answers to bytes that no HTTP library would write. */
function rawly(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (part) => {
      text += part
      socket.end()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}

import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { ContainerChoice } from '../../src/config/config.js'
import { StartFailure } from '../../src/launchers/launcher.js'
import { dockerLauncher, hasPrinted, withContainer } from '../helpers/docker.js'
import { startFakeEngine } from '../helpers/fake-engine.js'
import { tempFolder } from '../helpers/gateway.js'
import { KILL_SOON, STAYS } from '../helpers/processes.js'
import { until } from '../helpers/until.js'

const NEXT = { signals: ['SIGINT', 'SIGTERM', 'SIGKILL'], timeoutMs: 1_500 } as const

async function whyNot(start: Promise<unknown>): Promise<string> {
  const error = await start.catch((reason) => reason)
  if (!(error instanceof StartFailure)) throw new Error('it is no StartFailure', { cause: error })
  return error.message
}

t.test('the engine is spoken to in the newest version that it has itself', async (t) => {
  for (const version of ['1.24', '1.41', '1.55']) {
    const { engine, start } = await withContainer(t, {}, version)
    await (await start()).stop(KILL_SOON)
    const [ping, ...rest] = engine.asked
    t.match(ping, { call: 'GET /_ping', version: undefined })
    t.same([...new Set(rest.map((each) => each.version))], [version])
  }
})

t.test('a stop names the first signal of its dialect where the engine can be told', async (t) => {
  const { engine, start } = await withContainer(t)
  const run = await start()
  await run.stop(NEXT)
  t.match(engine.asked.find(({ call }) => call.endsWith('/stop'))?.query, {
    t: '2',
    signal: 'SIGINT',
  })
  t.match(await run.exited, { code: null, signal: 'SIGINT' })
})

t.test('an engine that is too old for that sends what the container says', async (t) => {
  const { engine, start } = await withContainer(t, { stopSignal: 'SIGTERM' }, '1.41')
  const run = await start()
  await run.stop(NEXT)
  t.same(engine.asked.find(({ call }) => call.endsWith('/stop'))?.query, { t: '2' })
  t.match(await run.exited, { signal: 'SIGTERM' })
})

t.test('a stop that only kills does not wait', async (t) => {
  const { engine, start } = await withContainer(t, { ignoresSignals: true }, '1.41')
  await (await start()).stop({ signals: ['SIGKILL'], timeoutMs: 60_000 })
  t.same(engine.asked.find(({ call }) => call.endsWith('/stop'))?.query, { t: '0' })
})

t.test('what it prints is in its log file, framed or from a terminal', async (t) => {
  for (const isTerminal of [false, true]) {
    const { engine, start, logFile } = await withContainer(t, { isTerminal, greeting: 'hello\n' })
    const run = await start()
    engine.print('text', 'loading ')
    engine.print('text', 'the model\n')
    await hasPrinted(run, 'loading the model')
    t.equal(readFileSync(logFile, 'utf8'), 'hello\nloading the model\n')
    t.ok((await run.progress()).outputBytes > 0)
    engine.print('text', '--password hunter2\n')
    await hasPrinted(run, '--password ***')
  }
})

t.test('an output that breaks off is taken up again', async (t) => {
  const { engine, start } = await withContainer(t, { greeting: 'hello\n' })
  const run = await start()
  await hasPrinted(run, 'hello')
  engine.breakOutput('text')
  await until('it is read again', () => {
    const reads = engine.asked.filter(({ call }) => call.endsWith('/logs'))
    return reads.length === 2
  })
  engine.print('text', 'again\n')
  await hasPrinted(run, 'again')
  t.same(await run.lastOutput(), ['hello', 'again'], 'nothing of it twice')
})

t.test('its end is told with its code, its signal, and whether memory was short', async (t) => {
  const ends = [
    [[3, false], { code: 3, signal: null, outOfMemory: false }],
    [[0, false], { code: 0, signal: null, outOfMemory: false }],
    [[137, true], { code: null, signal: 'SIGKILL', outOfMemory: true }],
    [[137, false], { code: null, signal: 'SIGKILL', outOfMemory: false }],
    [[139, false], { code: null, signal: 'SIGSEGV', outOfMemory: false }],
    [[255, false], { code: 255, signal: null, outOfMemory: false }],
  ] as const
  const { engine, start } = await withContainer(t)
  for (const [[code, outOfMemory], exit] of ends) {
    const run = await start()
    engine.print('text', `the last words of ${code}\n`)
    engine.end('text', code, outOfMemory)
    t.strictSame(await run.exited, exit)
    t.same((await run.lastOutput()).at(-1), `the last words of ${code}`)
  }
})

t.test('its end is seen without its output, too', async (t) => {
  const { engine, start } = await withContainer(t, { hasNoOutput: true })
  const run = await start()
  engine.end('text', 4)
  t.match(await run.exited, { code: 4 })
})

t.test('a container that is removed has ended', async (t) => {
  const { engine, start } = await withContainer(t)
  const run = await start()
  engine.remove('text')
  t.same(await run.exited, { code: null, signal: null })
  await run.stop(KILL_SOON)
})

t.test('one that was started anew behind our back is another run', async (t) => {
  const { engine, start } = await withContainer(t)
  const run = await start()
  engine.end('text', 1)
  engine.start('text') // as a restart policy would
  t.same(await run.exited, { code: null, signal: null })
  await run.stop(KILL_SOON)
  t.equal(engine.isRunning('text'), false, 'a stop ends that one too')
})

t.test('a start that is given up while the engine works leaves nothing running', async (t) => {
  const { engine, dockerHost } = await startFakeEngine(t)
  engine.add('text')
  const giveUp = new AbortController()
  const left = new Error('left')
  const handle = engine.handle.bind(engine)
  engine.handle = (request, reply) => {
    if (request.url?.endsWith('/start')) giveUp.abort(left)
    handle(request, reply)
  }
  const { launcher } = dockerLauncher(t, { dockerHost })
  await t.rejects(launcher.start(giveUp.signal), left)
  t.equal(engine.isRunning('text'), false)
})

t.test('a start whose output cannot be kept leaves nothing running', async (t) => {
  const { engine, dockerHost } = await startFakeEngine(t)
  engine.add('text')
  const stateDir = join(t.testdir({ file: '' }), 'file')
  await t.rejects(dockerLauncher(t, { dockerHost, stateDir }).start(), StartFailure)
  t.equal(engine.isRunning('text'), false)
  t.ok(engine.asked.some(({ call }) => call.endsWith('/start')))
})

t.test('a service is found by its labels, in the project of the gateway', async (t) => {
  const labels = (project: string, more = {}) => ({
    'com.docker.compose.service': 'text',
    'com.docker.compose.project': project,
    ...more,
  })
  const { engine, dockerHost } = await startFakeEngine(t)
  engine.add('here-text-1', { labels: labels('here') })
  engine.add('here-text-run-1', { labels: labels('here', { 'com.docker.compose.oneoff': 'True' }) })
  engine.add('there-text-1', { labels: labels('there') })
  const at = (project?: string, env = {}) => {
    const container: ContainerChoice = { service: 'text', project }
    return dockerLauncher(t, { dockerHost, container, env })
  }
  await at('here').start()
  t.ok(engine.isRunning('here-text-1'))
  t.notOk(engine.isRunning('here-text-run-1'), 'what `docker compose run` made is none')
  await at(undefined, { COMPOSE_PROJECT_NAME: 'there' }).start()
  t.ok(engine.isRunning('there-text-1'))
  t.equal(await whyNot(at().start()), 'several containers belong to its service')
  t.match(await whyNot(at('nowhere').start()), "the service 'text' has no container")
})

t.test('a container that is not there is said so', async (t) => {
  const { dockerHost } = await startFakeEngine(t)
  const { start } = dockerLauncher(t, { dockerHost })
  t.match(await whyNot(start()), "there is no container 'text'")
})

t.test('why an engine could not start it is said in words without paths', async (t) => {
  const refusals = [
    ['could not select device driver "nvidia" with capabilities: [[gpu]]', 'no driver for the GPU'],
    ['Bind for 0.0.0.0:5001 failed: port is already allocated', 'a port that it publishes'],
    ['exec: "/opt/secret/run": stat /opt/secret/run: no such file or directory', 'was not found'],
    ['something that nobody knows at /var/lib/docker', 'its log tells why'],
  ] as const
  for (const [message, words] of refusals) {
    const { start } = await withContainer(t, { refusal: { status: 500, message } })
    const why = await whyNot(start())
    t.match(why, 'its container could not be started: ')
    t.match(why, words)
    t.notMatch(why, /\/(opt|var)/)
  }
})

t.test('a proxy that refuses is named as such', async (t) => {
  const { start } = await withContainer(t, { refusal: { status: 403, message: 'forbidden' } })
  t.match(await whyNot(start()), 'the socket proxy does not let')
})

t.test('an engine that cannot be reached fails a start, and leaves nothing to adopt', async (t) => {
  const socket = join(tempFolder(t), 'none.sock')
  const unreachable = 'the Docker engine cannot be reached'
  for (const dockerHost of [`unix://${socket}`, 'tcp://127.0.0.1:1']) {
    const { launcher } = dockerLauncher(t, { dockerHost })
    t.equal(await whyNot(launcher.start(STAYS)), unreachable)
    t.equal(await launcher.adopt(), undefined)
  }
})

t.test('a name of an engine that is not found out soon fails the start', async (t) => {
  const { launcher } = dockerLauncher(t, { dockerHost: 'tcp://no-such-name.invalid:2375' })
  t.equal(await whyNot(launcher.start(STAYS)), 'the Docker engine cannot be reached')
})

t.test('something else than an engine is not taken for one', async (t) => {
  const { dockerHost } = await startFakeEngine(t, { version: 'of nothing' })
  t.match(await whyNot(dockerLauncher(t, { dockerHost }).start()), 'is no Docker engine')
  const server = createServer((socket) => socket.end('hello\r\n')).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await until('it listens', () => server.listening)
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const other = dockerLauncher(t, { dockerHost: `tcp://127.0.0.1:${port}` })
  t.match(await whyNot(other.start()), 'cannot be reached')
})

t.test('it is dialled by its address, so that its name need never be looked up', async (t) => {
  const near = Object.values(networkInterfaces())
    .flat()
    .find((each) => each && !each.internal && each.family === 'IPv4')
  if (!near) return t.pass('this machine has no network')
  const { engine, dockerHost } = await startFakeEngine(t)
  engine.add('text', { addresses: { far: '203.0.113.7', near: near.address } })
  const run = await dockerLauncher(t, { dockerHost }).start()
  return t.equal(run.origin, `http://${near.address}:5001`)
})

t.test('the engine is asked for nothing but what a socket proxy lets through', async (t) => {
  const { engine, start } = await withContainer(t, { greeting: 'hello\n' })
  const run = await start()
  await hasPrinted(run, 'hello')
  await run.stop(KILL_SOON)
  const verbs = new Set(engine.asked.map(({ call }) => call.replace(/\/containers\/.*\//, '')))
  t.same([...verbs].sort(), ['GET /_ping', 'GET json', 'GET logs', 'POST start', 'POST stop'])
})

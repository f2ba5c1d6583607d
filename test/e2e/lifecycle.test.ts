import { once } from 'node:events'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { sample, startGateway } from '../helpers/gateway.js'
import { addressOf, folderWith, isAlive, runGateway, runProgram } from '../helpers/program.js'
import { until } from '../helpers/until.js'

/** They mostly wait for programs to start and end. */
t.jobs = 3

interface Record {
  pid: number
}

function statePids(folder: string): number[] {
  const text = readFileSync(join(folder, 'state', 'backends.json'), 'utf8')
  const { backends } = JSON.parse(text) as { backends: { [name: string]: Record } }
  return Object.values(backends).map(({ pid }) => pid)
}

function ask(url: string): Promise<Response> {
  return fetch(`${url}/api/v1/generate`, { method: 'POST', body: '{"max_length":1}' })
}

t.test('after kill -9 of the gateway the next one adopts what still answers', async (t) => {
  const folder = folderWith(t, { text: sample('text') })
  const first = runGateway(t, folder)
  t.equal((await ask(await addressOf(first))).status, 200)
  const [pid = 0] = statePids(folder)
  first.child.kill('SIGKILL')
  await first.ended
  t.ok(isAlive(pid), 'the backend outlived its gateway')
  const second = runGateway(t, folder)
  const url = await addressOf(second)
  t.equal((await ask(url)).status, 200)
  t.same(statePids(folder), [pid], 'it is the same process')
  second.child.kill('SIGINT')
  t.equal(await second.ended, 0)
  t.notOk(isAlive(pid), 'and the second gateway ends it')
})

t.test('what was left of another command, or of a backend that is gone, is ended', async (t) => {
  const folder = folderWith(t, { text: sample('text'), ears: sample('transcribe') })
  const first = runGateway(t, folder)
  const url = await addressOf(first)
  await ask(url)
  await fetch(`${url}/api/extra/transcribe`, { method: 'POST', body: '{}' })
  const pids = statePids(folder)
  t.equal(pids.length, 2)
  first.child.kill('SIGKILL')
  await first.ended
  const changed = sample('text', ['--name', 'other'])
  writeFileSync(join(folder, 'routes.json'), JSON.stringify({ backends: { text: changed } }))
  const second = runGateway(t, folder)
  await addressOf(second)
  await until('both have ended', () => !pids.some(isAlive))
  second.child.kill('SIGINT')
  await second.ended
})

t.test('a process that only has the id of a backend is never touched', async (t) => {
  const folder = folderWith(t, { text: sample('text') })
  const state = join(folder, 'state')
  const innocent = runProgram(t, ['sample-backend', '--port', '0', '--never-ready'])
  const pid = innocent.child.pid ?? 0
  const record = { pid, identity: 'of another process', command: 'x', port: 1 }
  mkdirSync(state, { recursive: true })
  writeFileSync(join(state, 'backends.json'), JSON.stringify({ backends: { text: record } }))
  const gateway = runGateway(t, folder)
  t.equal((await ask(await addressOf(gateway))).status, 200)
  t.ok(isAlive(pid))
  gateway.child.kill('SIGINT')
  await gateway.ended
  t.ok(isAlive(pid))
})

t.test('a second gateway with the same state folder is refused', async (t) => {
  const folder = folderWith(t, { text: sample('text') })
  const first = runGateway(t, folder)
  await addressOf(first)
  const second = runGateway(t, folder)
  t.equal(await second.ended, 1)
  t.match(second.err(), /another gateway \(process \d+\) runs with this configuration/)
})

t.test('--keep-backends leaves them running for the next gateway', async (t) => {
  const folder = folderWith(t, { text: sample('text') })
  const first = runGateway(t, folder, ['--keep-backends'])
  await ask(await addressOf(first))
  const [pid = 0] = statePids(folder)
  first.child.kill('SIGTERM')
  t.equal(await first.ended, 0)
  t.ok(isAlive(pid))
  const second = runGateway(t, folder)
  await ask(await addressOf(second))
  t.same(statePids(folder), [pid])
  second.child.kill('SIGTERM')
  await second.ended
  t.notOk(isAlive(pid))
})

t.test(
  'a crash of a ready backend is answered by the next request after a new start',
  async (t) => {
    const gateway = await startGateway(t, { backends: { text: sample('text') } })
    t.equal((await ask(gateway.url)).status, 200)
    const pid = gateway.app.pool.statuses()[0]?.pid ?? 0
    process.kill(pid, 'SIGKILL')
    await until('it is seen', () => gateway.moves.at(-1)?.to === 'failed')
    t.match(gateway.moves.at(-1)?.reason, /killed by the system/)
    t.equal((await ask(gateway.url)).status, 200)
  },
)

t.test(
  'a backend that hangs is found out while idle, killed, and started by the next request',
  async (t) => {
    const gateway = await startGateway(t, {
      backends: { text: { ...sample('text'), livenessInterval: '50ms' } },
    })
    await ask(gateway.url)
    const pid = gateway.app.pool.statuses()[0]?.pid ?? 0
    process.kill(pid, 'SIGSTOP') // it listens still, and answers nothing
    await until('it is given up', () => gateway.moves.at(-1)?.to === 'failed', 40_000)
    t.equal(gateway.moves.at(-1)?.reason, 'it answered no more')
    await until('it is gone', () => !isAlive(pid))
    t.equal((await ask(gateway.url)).status, 200)
  },
)

t.test('an idle backend is stopped, and started again by the next request', async (t) => {
  const gateway = await startGateway(t, {
    backends: { text: { ...sample('text'), idleTimeout: '50ms' } },
  })
  await ask(gateway.url)
  await until('it is stopped', () => gateway.moves.at(-1)?.to === 'stopped')
  t.equal(gateway.moves.at(-1)?.reason, 'idle')
  t.equal((await ask(gateway.url)).status, 200)
})

t.test('a request is bounded by the requestTimeout of its backend', async (t) => {
  const gateway = await startGateway(t, {
    backends: { text: { ...sample('text', ['--hang']), requestTimeout: '200ms' } },
  })
  const reply = await ask(gateway.url)
  t.equal(reply.status, 504)
  t.match(await reply.json(), { detail: { code: 'GATEHOUSE_UPSTREAM_TIMEOUT' } })
})

t.test('the logs of a backend are shown with its secrets masked', async (t) => {
  const folder = folderWith(t, { text: sample('text', ['--password', 'hunter22']) })
  const gateway = runGateway(t, folder)
  await ask(await addressOf(gateway))
  const file = join(folder, 'routes.json')
  const logs = runProgram(t, ['logs', 'text', '-c', file, '--state-dir', join(folder, 'state')])
  t.equal(await logs.ended, 0)
  t.match(logs.out(), /custom endpoint/)
  t.notMatch(logs.out(), 'hunter22')
  const unknown = runProgram(t, ['logs', 'nobody', '-c', file])
  t.equal(await unknown.ended, 2)
  gateway.child.kill('SIGINT')
  await gateway.ended
})

t.test('a backend may be called like a property that every object has', async (t) => {
  const folder = folderWith(t, { toString: { ...sample('text') } })
  const gateway = runGateway(t, folder)
  t.equal((await ask(await addressOf(gateway))).status, 200)
  gateway.child.kill('SIGINT')
  t.equal(await gateway.ended, 0)
})

t.test('what came from the environment is masked, whatever it is called', async (t) => {
  const script = 'console.log("my args are", process.argv.slice(1).join(" ")); process.exit(3)'
  const args = ['-e', script, '--', '--hf-pat', '${env:GATEHOUSE_TEST_PAT}', '${port}']
  process.env.GATEHOUSE_TEST_PAT = 'very-secret-pat'
  const gateway = await startGateway(t, {
    backends: { text: { serves: ['text'], process: { command: '${node}', args } } },
  })
  const text = await (await ask(gateway.url)).text()
  t.match(text, /my args are --hf-pat \*\*\*/)
  t.notMatch(JSON.stringify(gateway.logged), 'very-secret-pat')
})

t.test('a gateway that cannot listen leaves what it adopted to the next one', async (t) => {
  const folder = folderWith(t, { text: sample('text') })
  const first = runGateway(t, folder)
  const url = await addressOf(first)
  await ask(url)
  const [pid = 0] = statePids(folder)
  first.child.kill('SIGKILL')
  await first.ended
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const second = runGateway(t, folder, ['--port', `${port}`])
  t.equal(await second.ended, 1)
  t.ok(isAlive(pid), 'the model stays loaded')
  const third = runGateway(t, folder)
  await ask(await addressOf(third))
  t.same(statePids(folder), [pid])
  third.child.kill('SIGTERM')
  await third.ended
})

t.test('what is kept loaded comes back by itself after a crash', async (t) => {
  const gateway = await startGateway(t, {
    backends: { text: { ...sample('text'), keepLoaded: true } },
  })
  gateway.app.pool.preload()
  const isReady = () => gateway.app.pool.isReady()
  await until('it is ready', isReady)
  process.kill(gateway.app.pool.statuses()[0]?.pid ?? 0, 'SIGKILL')
  await until('it is down', () => !isReady())
  await until('it is ready again', isReady)
})

t.test('a stop may take longer than ten seconds', async (t) => {
  const backend = { ...sample('text', ['--ignore-sigterm']), stopTimeout: '11s' }
  const gateway = runGateway(t, folderWith(t, { text: backend }))
  await ask(await addressOf(gateway))
  gateway.child.kill('SIGINT')
  t.equal(await gateway.ended, 0, gateway.out().slice(-300))
})

t.test('logs that are followed come in whole lines, so that no secret is cut in two', async (t) => {
  const folder = folderWith(t, { text: sample('text', ['--password', 'hunter22']) })
  const logFile = join(folder, 'state', 'logs', 'text.log')
  mkdirSync(join(folder, 'state', 'logs'), { recursive: true })
  writeFileSync(logFile, 'before\n')
  const state = ['--state-dir', join(folder, 'state')]
  const logs = runProgram(t, ['logs', 'text', '-f', '-c', join(folder, 'routes.json'), ...state])
  await until('it shows what was there', () => /before/.test(logs.out()))
  appendFileSync(logFile, 'first\nstart --password hun')
  await until('it follows', () => /first/.test(logs.out()))
  appendFileSync(logFile, 'ter22 end\n')
  await until('the line is whole', () => /end/.test(logs.out()))
  t.match(logs.out(), /^before\nfirst\nstart --password \*\*\* end\n$/)
})

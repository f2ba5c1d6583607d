import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import {
  exchange,
  get,
  open,
  post,
  postBytes,
  replyOn,
  startSample,
  until,
  untilPerf,
} from './sample-client.js'

const FIXTURE = new URL('./run-sample.ts', import.meta.url).pathname

interface Owner {
  teardown(work: () => unknown): void
}

interface Sample {
  readonly port: number
  readonly child: ChildProcess
  readonly output: { stdout: string; stderr: string }
  readonly exit: Promise<(number | string | null)[]>
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return Object(address).port
}

/** Starts the sample as a process of its own group; what is left of the group is killed with the test. */
async function spawnSample(owner: Owner, ...args: string[]): Promise<Sample> {
  const port = await freePort()
  const given = ['--port', `${port}`, '--load-time', '0', '--token-interval', '0', ...args]
  const child = spawn(process.execPath, ['--import=tsx', FIXTURE, ...given], { detached: true })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text) => {
    output.stdout += text
  })
  child.stderr.on('data', (text) => {
    output.stderr += text
  })
  owner.teardown(() => killGroup(child.pid))
  return { port, child, output, exit: once(child, 'exit') }
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // The whole group is gone already.
  }
}

async function ready(sample: Sample): Promise<Sample> {
  await until(
    async () =>
      (await get(sample.port, '/api/extra/version').catch(() => undefined))?.status === 200,
  )
  return sample
}

t.test('--help prints every option', async (t) => {
  const { exit, output } = await spawnSample(t, '--help')
  t.same(await exit, [0, null])
  const { OPTION_NAMES } = await import('../../src/sample/options.js')
  for (const name of OPTION_NAMES) t.match(output.stdout, `--${name} `, name)
})

t.test('an unknown option prints the usage on stderr and exits with 2', async (t) => {
  const { exit, output } = await spawnSample(t, '--frobnicate')
  t.same(await exit, [2, null])
  t.match(output.stderr, /^Usage: /)
  t.match(output.stderr, 'frobnicate')
})

t.test('the port opens after the load, whose lines an engine would print', async (t) => {
  const { output, exit, child, port } = await ready(await spawnSample(t, '--model', 'text,whisper'))
  t.match(output.stdout, /Loading Text Model[\s\S]*Loading Whisper Model/)
  t.match(output.stdout, `Please connect to custom endpoint at http://127.0.0.1:${port}`)
  child.kill('SIGTERM')
  t.same(await exit, [null, 'SIGTERM'])
})

t.test('an idle backend exits with 0 on SIGINT', async (t) => {
  const { child, exit } = await ready(await spawnSample(t))
  child.kill('SIGINT')
  t.same(await exit, [0, null])
})

t.test('SIGINT lets the running text end first', async (t) => {
  const sample = await ready(await spawnSample(t, '--token-interval', '75'))
  const { child, exit, port } = sample
  const text = exchange(port, postBytes('/api/v1/generate', { prompt: 'Alice', max_length: 20 }))
  await untilPerf(port, { idle: 0 })
  child.kill('SIGINT')
  t.equal(JSON.parse((await text).body.toString()).results[0].completion_tokens, 20)
  t.same(await exit, [0, null])
})

t.test('a taken port is found after the load, and the exit code is 0', async (t) => {
  const taken = await startSample(t)
  const { exit, output } = await spawnSample(t, '--port', `${taken}`)
  t.same(await exit, [0, null])
  t.match(output.stdout, `Port ${taken} already appears to be in use`)
})

t.test('--crash-after-events cuts the stream there, as a kill does', async (t) => {
  const sample = await ready(await spawnSample(t, '--crash-after-events', '5'))
  const body = { prompt: 'Alice', max_length: 50 }
  const reply = await post(sample.port, '/api/extra/generate/stream', body)
  t.equal(reply.body.toString().match(/data: /g)?.length, 5)
  t.notMatch(reply.body.toString(), /"length"/)
  t.same(await sample.exit, [null, 'SIGKILL'])
})

t.test('--crash-after-requests answers that many and dies in the next', async (t) => {
  const sample = await ready(await spawnSample(t, '--crash-after-requests', '1'))
  const body = { prompt: 'Alice', max_length: 2 }
  t.equal((await post(sample.port, '/api/v1/generate', body)).status, 200)
  t.equal((await post(sample.port, '/api/v1/generate', body)).head, '')
  t.same(await sample.exit, [null, 'SIGKILL'])
})

t.test('--exit-before-ready and --fail-load end the load with their code', async (t) => {
  const early = await spawnSample(t, '--exit-before-ready', '7')
  const failed = await spawnSample(t, '--fail-load', 'out of memory')
  t.same(await early.exit, [7, null])
  t.same(await failed.exit, [3, null])
  t.equal(failed.output.stderr, 'out of memory\n')
  t.notMatch(failed.output.stdout, 'Please connect')
})

t.test('--never-ready goes on loading, and --ignore-sigterm outlives both signals', async (t) => {
  const { child, output, exit, port } = await spawnSample(t, '--never-ready', '--ignore-sigterm')
  await until(() => output.stdout.includes('Load Text Model OK'))
  child.kill('SIGTERM')
  child.kill('SIGINT')
  await t.rejects(open(port, ''), { code: 'ECONNREFUSED' })
  t.equal(child.exitCode, null)
  child.kill('SIGKILL')
  t.same(await exit, [null, 'SIGKILL'])
})

t.test('--hang answers everything but generations', async (t) => {
  const port = await startSample(t, '--hang')
  const socket = await open(port, postBytes('/api/v1/generate', { prompt: 'Alice' }))
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk
  })
  await untilPerf(port, { idle: 0 })
  t.equal(received, '')
})

t.test('--hang-all takes a request and says nothing', async (t) => {
  const port = await startSample(t, '--hang-all')
  const socket = await open(port, 'GET /api/extra/version HTTP/1.1\r\n\r\n')
  const reply = replyOn(socket)
  const other = await open(port, '')
  other.destroy()
  await once(other, 'close')
  socket.destroy()
  t.equal((await reply).head, '')
})

t.test('--fork leaves a child that holds the group and the output', async (t) => {
  const { child, exit } = await ready(await spawnSample(t, '--fork'))
  child.kill('SIGKILL')
  await exit
  t.doesNotThrow(() => process.kill(-child.pid!, 0), 'the group is still there')
  const closed = once(child, 'close')
  killGroup(child.pid)
  await closed
})

t.test('--spam-output, --close-stdout and --take-memory do what they say', async (t) => {
  const args = ['--spam-output', '100000', '--close-stdout', '--take-memory', '64']
  const { child, output, port } = await spawnSample(t, ...args)
  await once(child.stdout!, 'end')
  t.ok(output.stdout.length > 100_000)
  t.equal((await get(port, '/api/extra/version')).status, 200)
})

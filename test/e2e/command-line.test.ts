import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { sample, tempFolder } from '../helpers/gateway.js'
import { addressOf, folderWith, isAlive, runGateway, runProgram } from '../helpers/program.js'
import { until } from '../helpers/until.js'

/** They mostly wait for programs to start and end. */
t.jobs = 3

t.test('--help and --version print and exit with 0', async (t) => {
  const help = runProgram(t, ['--help'])
  t.equal(await help.ended, 0)
  t.match(help.out(), /^Usage: gatehouse/)
  const version = runProgram(t, ['--version'])
  t.equal(await version.ended, 0)
  t.match(version.out(), /^\d+\.\d+\.\d+\n$/)
})

t.test('words that make no sense print the usage and exit with 2', async (t) => {
  const calls = [['--bogus'], ['dance'], ['--port', 'x'], ['--log-level', 'loud'], ['check', 'b']]
  const programs = calls.map((args) => runProgram(t, args))
  for (const [at, program] of programs.entries()) {
    t.equal(await program.ended, 2, `${calls[at]?.join(' ')}`)
    t.match(program.err(), /^gatehouse: .+\n\nUsage: gatehouse/)
    t.equal(program.out(), '')
  }
})

t.test(
  'a routes.json with five faults reports all five with their lines, and exits with 2',
  async (t) => {
    const file = join(tempFolder(t), 'routes.json')
    writeFileSync(
      file,
      `{
  "listen": { "port": "5050" },
  "backends": {
    "text": { "serves": ["txt"], "url": "http://127.0.0.1:5001" },
    "image": { "serves": ["image"], "url": "http://127.0.0.1:5002", "concurency": 2 },
    "slow": { "url": "http://127.0.0.1:5003", "startTimeout": "10 parsecs" }
  },
  "routes": [
    { "path": "/x", "to": "backend:nobody" }
  ]
}`,
    )
    const commands = [[], ['check'], ['routes']]
    const programs = commands.map((command) => runProgram(t, [...command, '--config', file]))
    for (const [at, program] of programs.entries()) {
      const command = commands[at] ?? []
      t.equal(await program.ended, 2, command.join(' '))
      for (const [line, path] of [
        [2, 'listen.port'],
        [4, 'backends.text.serves'],
        [5, 'backends.image.concurency'],
        [6, 'backends.slow.startTimeout'],
        [9, 'routes[0].to'],
      ] as const) {
        t.match(
          program.err(),
          new RegExp(`routes\\.json:${line}:\\d+ +${path.replace(/[[\]]/g, '\\$&')}`),
        )
      }
    }
  },
)

t.test('a file that is not there is named', async (t) => {
  const program = runProgram(t, ['--config', join(tempFolder(t), 'none.json')])
  t.equal(await program.ended, 2)
  t.match(program.err(), /none\.json/)
})

t.test('a port in use is named, and the exit code is 1', async (t) => {
  const other = createServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const program = runProgram(t, ['--host', '127.0.0.1', '--port', `${port}`])
  t.equal(await program.ended, 1)
  t.match(program.err(), `gatehouse: port ${port} is already in use`)
})

t.test('the routes are shown in the order in which they are tried', async (t) => {
  const program = runProgram(t, ['routes'])
  t.equal(await program.ended, 0)
  const lines = program.out().split('\n')
  t.match(lines[1], /\/api\/v1\/generate .*text/, 'those of routes.json first')
  t.match(lines.at(-2), /Everything else/)
})

t.test('the socket proxy says where it listens, and ends when it is told to', async (t) => {
  const proxy = runProgram(t, ['socket-proxy', '--port', '0', '--socket', '/nowhere/docker.sock'])
  await until('it listens', () => proxy.out().includes('listening at 127.0.0.1:'))
  proxy.child.kill('SIGTERM')
  t.equal(await proxy.ended, 0)
})

t.test('the socket proxy explains itself, and what is wrong with its options', async (t) => {
  const help = runProgram(t, ['socket-proxy', '--help'])
  t.equal(await help.ended, 0)
  t.match(help.out(), /--label LABEL/)
  for (const wrong of [['--port', 'x'], ['--label', '=y'], ['--nonsense'], ['word']]) {
    const program = runProgram(t, ['socket-proxy', ...wrong])
    t.equal(await program.ended, 2, wrong.join(' '))
    t.match(program.err(), 'Usage: gatehouse socket-proxy')
  }
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} ends the gateway and all its backends, and exits with 0`, async (t) => {
    const backends = { text: sample('text'), image: sample('image', ['--fork']) }
    const program = runGateway(t, folderWith(t, backends))
    const url = await addressOf(program)
    const ask = (path: string) => fetch(url + path, { method: 'POST', body: '{"max_length":1}' })
    t.equal((await ask('/api/v1/generate')).status, 200)
    t.equal((await ask('/sdapi/v1/txt2img')).status, 200)
    const pids = [...program.out().matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid))
    t.equal(pids.length, 2, 'both run')
    t.ok(pids.every(isAlive))
    program.child.kill(signal)
    program.child.kill(signal) // npm passes a terminal's Ctrl-C on, so that one press arrives twice
    t.equal(await program.ended, 0)
    await until('none of them lives', () => !pids.some((pid) => isAlive(pid) || isAlive(-pid)))
  })
}

t.test('a stream that runs when the gateway is asked to stop ends whole', async (t) => {
  const backends = { text: sample('text', ['--token-interval', '30']) }
  const program = runGateway(t, folderWith(t, backends))
  const url = await addressOf(program)
  const reply = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ prompt: 'Call me', max_tokens: 30, stream: true }),
  })
  program.child.kill('SIGINT')
  const text = await reply.text()
  t.match(text, /data: \[DONE\]/, 'its last event arrived')
  t.equal(await program.ended, 0)
})

t.test('localhost is 127.0.0.1 and ::1, whatever the hosts file says', async (t) => {
  const folder = folderWith(t, { text: sample('text') })
  const program = runGateway(t, folder, ['--host', 'localhost'])
  const { port } = new URL(await addressOf(program))
  t.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)
  const hasIpv6 = Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address === '::1')
  if (hasIpv6) t.equal((await fetch(`http://[::1]:${port}/healthz`)).status, 200)
  program.child.kill('SIGINT')
  t.equal(await program.ended, 0)
})

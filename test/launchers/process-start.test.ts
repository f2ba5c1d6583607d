import { pbkdf2 } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { StartFailure } from '../../src/launchers/launcher.js'
import { Ports } from '../../src/launchers/ports.js'
import { StateFile } from '../../src/launchers/state-file.js'
import {
  fixture,
  isAlive,
  KILL_SOON,
  lineOf,
  processLauncher,
  STAYS,
} from '../helpers/processes.js'

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return '' // it ended meanwhile
  }
}

const stays = [fixture('ends-on-signal.mjs')]

/** Ports that remember what they were given back. */
class WatchedPorts extends Ports {
  readonly chosen: number[] = []
  readonly released: number[] = []

  override async choose(host: string): Promise<number> {
    const port = await super.choose(host)
    this.chosen.push(port)
    return port
  }

  override release(port: number): void {
    this.released.push(port)
    super.release(port)
  }
}

t.test('a start whose port is taken fails with a reason that names the port', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { launcher } = processLauncher(t, stays, { address: { host: '127.0.0.1', port } })
  const failure = await launcher.start(STAYS).catch((error) => error)
  t.type(failure, StartFailure)
  t.match(failure.message, `port ${port} is already in use by `)
})

t.test('an address that no program can listen on is not said to be in use', async (t) => {
  for (const port of [0, 45_678]) {
    const { launcher } = processLauncher(t, stays, { address: { host: '192.0.2.1', port } })
    const failure = await launcher.start(STAYS).catch((error) => error)
    t.type(failure, StartFailure, `port ${port}`)
    t.notMatch(failure.message, /in use by/, `port ${port}`)
  }
})

t.test('a start fails with a reason that the user can act on', async (t) => {
  const folder = t.testdir({ 'not-a-program': 'text', 'no-shebang': '\u0000nonsense' })
  chmodSync(join(folder, 'not-a-program'), 0o644)
  const rows = [
    [{ command: 'no-such-program' }, /program .*was not found/],
    [{ command: join(folder, 'nothing') }, /program .*was not found/],
    [{ cwd: join(folder, 'nowhere') }, /working folder .*was not found/],
    [{ command: join(folder, 'not-a-program') }, /may not be run \(no permission\)/],
    [{ command: folder }, /may not be run \(no permission\)/],
    [{ args: ['a\u0000b'] }, /could not be run \(ERR_INVALID_ARG_VALUE\)/],
  ] as const
  for (const [command, reason] of rows) {
    const ports = new WatchedPorts()
    const setting = { command, ports, host: { stateDir: join(folder, 'state') } }
    const { launcher } = processLauncher(t, stays, setting)
    const failure = await launcher.start(STAYS).catch((error) => error)
    t.type(failure, StartFailure)
    t.match(failure.message, reason)
    t.notMatch(failure.message, folder, 'no path in what a client may read')
    t.same(ports.released, ports.chosen, 'the port is free for others again')
  }
})

t.test('a start given up before it began starts nothing and gives its port back', async (t) => {
  const ports = new WatchedPorts()
  const { launcher } = processLauncher(t, stays, { ports })
  const left = new Error('left')
  await t.rejects(launcher.start(AbortSignal.abort(left)), left)
  t.equal(ports.chosen.length, 1)
  t.same(ports.released, ports.chosen)
})

t.test(
  '${port}, ${node} and ${gatehouse} are filled in everywhere, and nothing else',
  async (t) => {
    const args = ['--port=${port}', '${gatehouse}', '${node}', '${other} $port ${} ${port']
    const cwd = t.testdir({ work: {} })
    const { start } = processLauncher(t, [fixture('says-what-it-was-given.mjs'), ...args], {
      command: {
        command: '${node}',
        cwd: join(cwd, 'work'),
        env: { AT: ':${port}', KEPT: '${other}' },
      },
      host: { env: { PATH: process.env.PATH, OF_HOST: '${port}', AT: 'host' }, stateDir: cwd },
    })
    const run = await start()
    const given = JSON.parse(await lineOf(run, '{"args"'))
    const { env } = JSON.parse(await lineOf(run, '{"env"'))
    const { port } = new URL(run.origin)
    t.same(given.args, [`--port=${port}`, '/the/gatehouse.js', process.execPath, args[3]])
    t.equal(given.cwd, join(cwd, 'work'))
    t.match(env.TMPDIR, `${cwd}/`, 'it has a folder for temporary files')
    t.match(env, { AT: `:${port}`, KEPT: '${other}', PYTHONUNBUFFERED: '1' })
    t.equal(env.OF_HOST, '${port}', "the gateway's own environment is passed on as it is")
  },
)

t.test('a backend may set PYTHONUNBUFFERED for itself', async (t) => {
  const { start } = processLauncher(t, [fixture('says-what-it-was-given.mjs')], {
    command: { env: { PYTHONUNBUFFERED: '' } },
  })
  const { env } = JSON.parse(await lineOf(await start(), '{"env"'))
  t.equal(env.PYTHONUNBUFFERED, '')
})

t.test('the child leads a process group of its own', async (t) => {
  const run = await processLauncher(t, stays).start()
  t.ok(isAlive(-(run.pid ?? 0)), 'a group has its id')
})

t.test('a backend listens at the port that was chosen for it, and keeps it claimed', async (t) => {
  const ports = new WatchedPorts()
  const args = [fixture('takes-its-port.mjs'), '${port}']
  const run = await processLauncher(t, args, { ports }).start()
  await lineOf(run, 'ready')
  t.equal((await fetch(run.origin)).status, 200)
  t.same(ports.released, [])
  await run.stop(KILL_SOON)
  t.same(ports.released, ports.chosen)
})

t.test('an IPv6 address is dialled in brackets and listened on without', async (t) => {
  const probe = createServer().listen(0, '::1')
  const here = await Promise.race([
    once(probe, 'listening').then(() => true),
    once(probe, 'error').then(() => false),
  ]).catch(() => false)
  probe.close()
  if (!here) return t.pass('this machine has no IPv6')
  const args = [fixture('takes-its-port.mjs'), '${port}', '::1']
  const { start } = processLauncher(t, args, { address: { host: '[::1]', port: 0 } })
  const run = await start()
  t.match(run.origin, /^http:\/\/\[::1\]:\d+$/)
  await lineOf(run, 'ready')
  return t.equal((await fetch(run.origin)).status, 200)
})

t.test('the output goes to a file that only its owner can read', async (t) => {
  const { start, logFile } = processLauncher(t, stays)
  const run = await start()
  await lineOf(run, 'ready')
  t.equal(statSync(logFile).mode & 0o777, 0o600)
  t.equal(statSync(join(logFile, '..')).mode & 0o777, 0o700)
})

t.test('the last output is that of this run, its secrets masked', async (t) => {
  const { start } = processLauncher(
    t,
    [fixture('says-what-it-was-given.mjs'), '--password', 'hunter22'],
    { command: { env: { HF_TOKEN: 'hf_abcdef' } } },
  )
  for (const time of ['first', 'second']) {
    const run = await start()
    await lineOf(run, 'ready')
    const lines = await run.lastOutput()
    t.equal(lines.length, 3, `nothing of another run in the ${time}`)
    t.match(lines[0], '"--password","***"')
    t.notMatch(lines.join('\n'), /hunter22|hf_abcdef/)
    await run.stop(KILL_SOON)
  }
})

t.test(
  'a program that prints 10 MiB is not held up, and the next run begins a new file',
  async (t) => {
    const { start, logFile } = processLauncher(t, [fixture('prints-much.mjs')])
    const run = await start()
    t.same(await run.exited, { code: 0, signal: null })
    t.equal((await run.lastOutput()).at(-1), 'all printed')
    await run.stop(KILL_SOON)
    const next = await start()
    t.ok(statSync(`${logFile}.1`).size > 10 * 1024 * 1024)
    t.equal(statSync(`${logFile}.1`).mode & 0o777, 0o600)
    await next.stop(KILL_SOON)
  },
)

t.test('a run without a word has no last output, nor has one whose file is gone', async (t) => {
  const { start, logFile } = processLauncher(t, ['-e', ''])
  const run = await start()
  t.same(await run.exited, { code: 0, signal: null })
  t.same(await run.lastOutput(), [])
  writeFileSync(logFile, '')
  t.same(await run.lastOutput(), [])
})

t.test('an exit tells its code, and the last words are kept', async (t) => {
  for (const code of [0, 3]) {
    const run = await processLauncher(t, [fixture('exits-at-once.mjs'), String(code)]).start()
    t.same(await run.exited, { code, signal: null })
    t.same(await run.lastOutput(), ['last words'])
    await run.stop(KILL_SOON)
  }
})

t.test('a program that ends at once is seen to end, however slow the disk is', async (t) => {
  let busy = true
  t.teardown(() => {
    busy = false
  })
  const occupy = () => {
    if (busy) pbkdf2('p', 's', 20_000, 32, 'sha256', occupy)
  }
  for (let thread = 0; thread < 8; thread += 1) occupy()
  const run = await processLauncher(t, [], { command: { command: 'true' } }).start()
  busy = false
  const exit = await Promise.race([run.exited, sleep(2_000, 'never')])
  t.same(exit, { code: 0, signal: null })
})

t.test('a start that cannot be written down leaves nothing alive', async (t) => {
  const folder = t.testdir({ file: '' })
  const state = new StateFile(join(folder, 'file', 'state.json'))
  const marker = `nobody-knows-${process.pid}`
  const script = ['-e', 'setInterval(() => {}, 1000)', marker]
  const { launcher } = processLauncher(t, script, { state, host: { stateDir: folder } })
  await t.rejects(launcher.start(STAYS), { message: 'its state could not be written' })
  const commands = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => readIfThere(`/proc/${pid}/cmdline`))
  t.notOk(commands.some((command) => command.includes(marker)))
})

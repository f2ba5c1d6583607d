import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ProcessLauncherConfig } from '../../src/config/config.js'
import { fillIn } from '../../src/launchers/command-line.js'
import { Ports } from '../../src/launchers/ports.js'
import { ProcessLauncher } from '../../src/launchers/process.js'
import { StateFile } from '../../src/launchers/state-file.js'
import { KILL_SOON, STAYS } from '../helpers/processes.js'

const HOST = {
  platform: 'linux',
  env: { PATH: '/bin', TMPDIR: '/tmp', HOME: '/home/jo' },
  node: '/opt/node',
  gatehouse: '/opt/gatehouse/main.js',
  stateDir: '/state',
} as const
const FACTS = { port: 5999, tempDir: '/state/tmp/text' }

function commandLine(command: Partial<ProcessLauncherConfig>) {
  const nothing = {
    kind: 'process',
    secrets: [],
    command: 'x',
    args: [],
    cwd: '/work',
    env: {},
  } as const
  return fillIn({ ...nothing, ...command }, HOST, FACTS)
}

t.test('what is known only at a start is filled in, as often as it stands there', (t) => {
  const { command, args, env, cwd } = commandLine({
    command: '${node}',
    args: ['${gatehouse}', '--port', '${port}', '${port}:${port}', '--at=${node}'],
    env: { AT: 'http://127.0.0.1:${port}', WITH: '${node} ${gatehouse}' },
    cwd: '/work/${port}',
  })
  t.equal(command, '/opt/node')
  t.same(args, ['/opt/gatehouse/main.js', '--port', '5999', '5999:5999', '--at=/opt/node'])
  t.match(env, { AT: 'http://127.0.0.1:5999', WITH: '/opt/node /opt/gatehouse/main.js' })
  t.equal(cwd, '/work/${port}', 'a folder is taken as it is')
  t.end()
})

t.test('what nobody knows stays as it is written', (t) => {
  const args = ['${PORT}', '${other}', '$port', '${ port }', '${}', '${port', '{port}', '$${port}']
  t.same(commandLine({ args }).args, [...args.slice(0, -1), '$5999'])
  t.end()
})

t.test("the gateway's own environment is passed on, but for the temporary folder", (t) => {
  t.strictSame(commandLine({}).env, {
    PATH: '/bin',
    HOME: '/home/jo',
    PYTHONUNBUFFERED: '1',
    TMPDIR: FACTS.tempDir,
    TEMP: FACTS.tempDir,
    TMP: FACTS.tempDir,
  })
  t.end()
})

t.test('the configuration has the last word on every variable', (t) => {
  const env = { TMPDIR: '/big/disk', PATH: '', PYTHONUNBUFFERED: '' }
  t.match(commandLine({ env }).env, { ...env, TEMP: FACTS.tempDir, HOME: '/home/jo' })
  t.end()
})

/** Starts a backend by this name and resolves with the environment that its program saw. */
async function environmentOf({ name = 'text', stateDir = '', env = {} }) {
  const launcher = new ProcessLauncher(
    {
      name,
      address: { protocol: 'http:', host: '127.0.0.1', port: 0, basePath: '' },
      command: {
        kind: 'process',
        secrets: [],
        command: '/usr/bin/env',
        args: [],
        cwd: stateDir,
        env,
      },
    },
    {
      host: { ...HOST, platform: process.platform, stateDir },
      ports: new Ports(),
      state: new StateFile(join(stateDir, 'state.json')),
    },
  )
  const run = await launcher.start(STAYS)
  await run.exited
  const lines = await run.lastOutput()
  await run.stop(KILL_SOON)
  return Object.fromEntries(lines.map((line) => line.split('='))) as Record<string, string>
}

t.test('every backend has a folder of its own for temporary files, and it exists', async (t) => {
  const stateDir = t.testdir({})
  for (const name of ['text', 'image']) {
    const folder = join(stateDir, 'tmp', name)
    const { TMPDIR, TEMP, TMP } = await environmentOf({ name, stateDir })
    t.same([TMPDIR, TEMP, TMP], [folder, folder, folder])
    t.equal(statSync(folder).mode & 0o777, 0o700, 'only its owner looks into it')
  }
})

t.test('a program sees the temporary folder that its configuration names', async (t) => {
  const stateDir = t.testdir({})
  const { TMPDIR, TEMP } = await environmentOf({ stateDir, env: { TMPDIR: '/var/tmp' } })
  t.equal(TMPDIR, '/var/tmp')
  t.ok(existsSync(TEMP ?? ''))
})

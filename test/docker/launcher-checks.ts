// What test/docker/run tries of the docker launcher, at the engine that it has started.
import { execFileSync, spawn } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { describeExit } from '../../src/launchers/exit-words.js'
import { createSocketProxy } from '../../src/socket-proxy/server.js'
import { dockerLauncher } from '../helpers/docker.js'
import { launcherContract } from '../launchers/launcher-contract.js'
import { docker, IMAGE, SOCKET } from './engine.js'

let containers = 0

/** Makes a container that is not started; gone with the test. */
async function create(t: Test, options: readonly string[], command: readonly string[]) {
  containers += 1
  const name = `gatehouse-test-${containers}`
  await docker(
    'create',
    '--name',
    name,
    '--label',
    'gatehouse.backend=true',
    ...options,
    IMAGE,
    ...command,
  )
  t.teardown(() => docker('rm', '--force', '--volumes', name))
  return name
}

t.test('the docker launcher keeps the promises of a launcher at a real engine', async (t) => {
  const proxy = createSocketProxy({
    socketPath: SOCKET,
    label: { name: 'gatehouse.backend', value: 'true' },
    onRefusal: (call) => t.comment(call),
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const { port } = proxy.address() as AddressInfo
  const name = await create(t, ['--entrypoint', 'sleep'], ['1000'])
  const isAlive = () => runsNow(name)
  for (const dockerHost of [`unix://${SOCKET}`, `tcp://127.0.0.1:${port}`]) {
    launcherContract(t, (t) => ({
      launcher: dockerLauncher(t, { dockerHost, container: { name } }).launcher,
      isAlive,
      end: () => void spawn('docker', ['kill', name], { stdio: 'ignore' }),
    }))
  }
})

t.test('how a container ended is told in words', async (t) => {
  const wordsFor = async (options: readonly string[], command: readonly string[]) => {
    const name = await create(t, options, command)
    const { start } = dockerLauncher(t, { dockerHost: `unix://${SOCKET}`, container: { name } })
    return describeExit(await (await start()).exited)
  }
  const sample = ['sample-backend', '--port', '5001']
  t.equal(await wordsFor([], [...sample, '--exit-before-ready', '7']), 'it exited with code 7')
  t.equal(
    await wordsFor(
      ['--memory', '96m', '--memory-swap', '96m'],
      [...sample, '--take-memory', '500'],
    ),
    'it was ended because its container ran out of memory',
  )
})

/** Asked of the kernel by way of the engine, at once: the contract asks without waiting. */
function runsNow(name: string): boolean {
  return (
    execFileSync('docker', ['inspect', '--format', '{{.State.Running}}', name])
      .toString()
      .trim() === 'true'
  )
}

import t from 'tap'
import { createExternalLauncher } from '../../src/launchers/external.js'
import { dockerLauncher } from '../helpers/docker.js'
import { startFakeEngine } from '../helpers/fake-engine.js'
import { fixture, isAlive, processLauncher } from '../helpers/processes.js'
import { LABELS, startSocketProxy } from '../helpers/socket-proxy.js'
import { launcherContract } from './launcher-contract.js'

let containers = 0

t.test('the process launcher keeps the promises of a launcher', async (t) => {
  launcherContract(t, (t) => ({
    launcher: processLauncher(t, [fixture('takes-its-port.mjs'), '${port}']).launcher,
    isAlive: ({ pid = 0 }) => isAlive(-pid),
    end: ({ pid = 0 }) => void process.kill(pid, 'SIGTERM'),
  }))
})

t.test('the process launcher keeps them with a backend that ignores every signal', async (t) => {
  launcherContract(t, (t) => ({
    launcher: processLauncher(t, [fixture('ignores-signals.mjs')]).launcher,
    isAlive: ({ pid = 0 }) => isAlive(-pid),
    end: ({ pid = 0 }) => void process.kill(pid, 'SIGKILL'),
  }))
})

const ENGINES = {
  'at an engine': startFakeEngine,
  'through a socket proxy': startSocketProxy,
}

for (const [where, startEngine] of Object.entries(ENGINES)) {
  t.test(`the docker launcher keeps the promises of a launcher ${where}`, async (t) => {
    const { engine, dockerHost } = await startEngine(t)
    for (const ignoresSignals of [false, true]) {
      launcherContract(t, (t) => {
        containers += 1
        const name = `text-${containers}`
        engine.add(name, { ignoresSignals, labels: LABELS, greeting: 'hello\n' })
        return {
          launcher: dockerLauncher(t, { dockerHost, container: { name } }).launcher,
          isAlive: () => engine.isRunning(name),
          end: () => engine.end(name, 1),
        }
      })
    }
  })
}

t.test('the external launcher keeps the promises of a launcher', async (t) => {
  launcherContract(t, () => ({
    launcher: createExternalLauncher('http://127.0.0.1:5001'),
    isAlive: () => false,
    end: undefined,
  }))
})

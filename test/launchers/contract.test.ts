import t from 'tap'
import { createExternalLauncher } from '../../src/launchers/external.js'
import { fixture, isAlive, processLauncher } from '../helpers/processes.js'
import { launcherContract } from './launcher-contract.js'

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

t.test('the external launcher keeps the promises of a launcher', async (t) => {
  launcherContract(t, () => ({
    launcher: createExternalLauncher('http://127.0.0.1:5001'),
    isAlive: () => false,
    end: undefined,
  }))
})

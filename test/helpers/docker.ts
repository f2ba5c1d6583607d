import type { Test } from 'tap'
import type { ContainerChoice } from '../../src/config/config.js'
import { DockerLauncher } from '../../src/launchers/docker.js'
import type { Run } from '../../src/launchers/launcher.js'
import { type Given, startFakeEngine } from './fake-engine.js'
import { STAYS } from './processes.js'
import { until } from './until.js'

export interface DockerSetting {
  readonly dockerHost: string
  readonly container?: ContainerChoice
  readonly env?: Readonly<Record<string, string>>
  readonly stateDir?: string
  /** Host and port in its `url`. */
  readonly host?: string
  readonly port?: number
}

/** A launcher of the container `text` at this engine, as the backend `llm`. */
export function dockerLauncher(t: Test, setting: DockerSetting) {
  const { dockerHost, container = { name: 'text' }, host = 'text', port = 5001 } = setting
  const stateDir = setting.stateDir ?? t.testdir({})
  const launcher = new DockerLauncher(
    { name: 'llm', container, address: { protocol: 'http:', host, port, basePath: '' } },
    {
      platform: process.platform,
      env: { DOCKER_HOST: dockerHost, ...setting.env },
      node: process.execPath,
      gatehouse: '/the/gatehouse.js',
      stateDir,
    },
  )
  return {
    launcher,
    stateDir,
    logFile: `${stateDir}/logs/llm.log`,
    /** Starts it, and ends it with the test if that did not. */
    start: async (): Promise<Run> => {
      const run = await launcher.start(STAYS)
      t.teardown(() => run.kill())
      return run
    },
  }
}

/** An engine with one container, and a launcher of it. */
export async function withContainer(t: Test, given: Given = {}, version = '1.47') {
  const { engine, dockerHost } = await startFakeEngine(t, { version })
  engine.add('text', given)
  return { engine, dockerHost, ...dockerLauncher(t, { dockerHost }) }
}

export async function hasPrinted(run: Run, line: string): Promise<void> {
  await until(`'${line}' is in its log`, async () => (await run.lastOutput()).includes(line))
}

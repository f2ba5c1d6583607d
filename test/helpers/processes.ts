import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { ProcessLauncherConfig } from '../../src/config/config.js'
import type { Host } from '../../src/launchers/host.js'
import type { Run } from '../../src/launchers/launcher.js'
import { Ports } from '../../src/launchers/ports.js'
import { ProcessLauncher } from '../../src/launchers/process.js'
import { StateFile } from '../../src/launchers/state-file.js'
import { until } from './until.js'

export const STAYS = new AbortController().signal
export const KILL_SOON = { signals: ['SIGTERM', 'SIGKILL'], timeoutMs: 100 } as const
export const ASK_ONLY = { signals: ['SIGINT', 'SIGTERM', 'SIGKILL'], timeoutMs: 60_000 } as const

/** Absolute path of a little program in test/fixtures. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
}

/** Whether this process, or any of this process group if negative, lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  if (process.platform !== 'linux') return true
  const pids = pid > 0 ? [String(pid)] : readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.some((id) => {
    const [state, , group] = stateOf(id)
    return state !== undefined && state !== 'Z' && (pid > 0 || Number(group) === -pid)
  })
}

/** What /proc says after the name of a process: its state, its parent and its group. */
function stateOf(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return [] // it is gone by now
  }
}

export interface Setting {
  readonly command?: Partial<ProcessLauncherConfig>
  readonly address?: { readonly host: string; readonly port: number }
  readonly host?: Partial<Host>
  readonly ports?: Ports
  readonly state?: StateFile
}

export interface LaunchTools {
  readonly launcher: ProcessLauncher
  readonly stateDir: string
  /** Where the output of its child goes. */
  readonly logFile: string
  /** Starts it, and ends it with the test if that did not. */
  start(): Promise<Run>
}

/** A process launcher for `args`, run by Node unless the command says otherwise. */
export function processLauncher(
  t: Test,
  args: readonly string[],
  setting: Setting = {},
): LaunchTools {
  const stateDir = setting.host?.stateDir ?? t.testdir({})
  const address = { protocol: 'http:', basePath: '', host: '127.0.0.1', port: 0 } as const
  const command = {
    kind: 'process',
    secrets: [],
    command: process.execPath,
    cwd: stateDir,
    env: {},
  } as const
  const host = {
    platform: process.platform,
    env: { ...process.env, NODE_OPTIONS: '' }, // tap's would make every little program slow to start
    node: process.execPath,
    gatehouse: '/the/gatehouse.js',
    stateDir,
    ...setting.host,
  }
  const spec = {
    name: 'text',
    address: { ...address, ...setting.address },
    command: { ...command, args, ...setting.command },
  }
  const state = setting.state ?? new StateFile(`${stateDir}/state.json`)
  const launcher = new ProcessLauncher(spec, { host, ports: setting.ports ?? new Ports(), state })
  return {
    launcher,
    stateDir,
    logFile: `${stateDir}/logs/text.log`,
    start: async () => {
      const run = await launcher.start(STAYS)
      t.teardown(() => run.kill())
      return run
    },
  }
}

/** Resolves with the first line of a run's output that begins so. */
export async function lineOf(run: Run, beginning: string): Promise<string> {
  let found: string | undefined
  await until(`it prints '${beginning}'`, async () => {
    found = (await run.lastOutput()).find((line) => line.startsWith(beginning))
    return found !== undefined
  })
  return found ?? ''
}

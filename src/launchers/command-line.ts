import type { ProcessLauncherConfig } from '../config/config.js'
import type { Host } from './host.js'

/** What is told to the system to start a program. */
export interface CommandLine {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What is known only at a start. */
export interface StartFacts {
  readonly port: number
  /** A folder for temporary files that no other backend uses. */
  readonly tempDir: string
}

/** The command of a backend with `${port}`, `${node}` and `${gatehouse}` filled in, and its environment. */
export function fillIn(config: ProcessLauncherConfig, host: Host, facts: StartFacts): CommandLine {
  const values = new Map([
    ['port', String(facts.port)],
    ['node', host.node],
    ['gatehouse', host.gatehouse],
  ])
  const fill = (text: string) =>
    text.replace(/\$\{(\w+)\}/g, (place, name) => values.get(name) ?? place)
  const own = Object.entries(config.env).map(([name, value]) => [name, fill(value)])
  return {
    command: fill(config.command),
    args: config.args.map(fill),
    cwd: config.cwd,
    env: {
      ...host.env,
      // Python holds its lines back in a file unless told not to, and a failed start would have no last words.
      PYTHONUNBUFFERED: '1',
      // One-file builds of KoboldCpp delete each other's unpacked folders where they share one (kobold-wire 5.3).
      TMPDIR: facts.tempDir,
      TEMP: facts.tempDir,
      TMP: facts.tempDir,
      ...Object.fromEntries(own),
    },
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { processTree } from './cpu.js'

export interface Program {
  readonly name: string
  readonly pid: number
  /** Where its output goes. */
  readonly logFile: string
}

/** The processes of a measurement: whatever it started, it can end, each by its pid. */
export class Programs {
  readonly #folder: string
  readonly #children = new Map<number, ChildProcess>()

  /** Output is written to files in this folder. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Starts Node with these arguments. */
  start(name: string, argv: readonly string[]): Program {
    return this.startCommand(name, process.execPath, argv)
  }

  /** Starts a program with `NODE_ENV=production`; its output is a file, never a terminal. */
  startCommand(name: string, command: string, argv: readonly string[]): Program {
    const logFile = join(this.#folder, `${name.replaceAll(/\W+/g, '-')}.log`)
    const output = openSync(logFile, 'a')
    const child = spawn(command, argv, {
      stdio: ['ignore', output, output],
      env: {
        ...process.env,
        NODE_ENV: 'production',
        XDG_DATA_HOME: this.#folder,
        XDG_CONFIG_HOME: this.#folder,
      },
    })
    closeSync(output)
    return { name, pid: this.#keep(child), logFile }
  }

  /** Runs a command to its end and returns its output. Rejects with its complaint if it fails. */
  async run(command: string, argv: readonly string[]): Promise<string> {
    const child = spawn(command, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#keep(child)
    const output: string[] = []
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
    }
    const [code] = await once(child, 'close')
    if (code === 0) return output.join('')
    throw new Error(`${command} ended with ${code}: ${output.join('')}`)
  }

  isRunning({ pid }: Program): boolean {
    return this.#children.has(pid)
  }

  /** Ends them all at once; they have nothing to save. Safe in an exit handler. */
  kill(): void {
    // What they started themselves, such as nginx's worker, would outlive them.
    for (const pid of [...this.#children.keys()].flatMap(processTree)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {} // it has ended meanwhile
    }
  }

  /** Ends them all and resolves when none of them lives. */
  async end(): Promise<void> {
    const exits = [...this.#children.values()].map((child) => once(child, 'exit'))
    this.kill()
    await Promise.all(exits)
  }

  #keep(child: ChildProcess): number {
    const { pid } = child
    if (pid === undefined) throw new Error(`${child.spawnfile} could not be started`)
    this.#children.set(pid, child)
    child.once('exit', () => this.#children.delete(pid))
    return pid
  }
}

/** The last lines of what a program wrote. */
export function lastOutput({ logFile }: Program): string {
  return readFileSync(logFile, 'utf8').split('\n').slice(-12).join('\n')
}

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { BackendAddress, ProcessLauncherConfig } from '../config/config.js'
import type { Host } from './host.js'
import { type Exit, type Launcher, type Run, StartFailure, type StopRecipe } from './launcher.js'
import { createMask } from './mask.js'
import { OutputLog } from './output-log.js'
import type { Ports } from './ports.js'
import { ProcessGroup } from './process-group.js'
import { stopSteps } from './stop-steps.js'

const LAST_LINES = 200

export interface ProcessSpec {
  readonly name: string
  readonly address: BackendAddress
  readonly command: ProcessLauncherConfig
}

/** Starts a backend as a child process that leads its own group, its output going to a file. */
export class ProcessLauncher implements Launcher {
  readonly kind = 'process'
  readonly #spec: ProcessSpec
  readonly #host: Host
  readonly #ports: Ports
  readonly #output: OutputLog

  constructor(spec: ProcessSpec, host: Host, ports: Ports) {
    this.#spec = spec
    this.#host = host
    this.#ports = ports
    this.#output = new OutputLog(join(host.stateDir, 'logs', `${spec.name}.log`))
  }

  /** Rejects with a StartFailure if the port is taken or the program cannot be run. */
  async start(signal: AbortSignal): Promise<Run> {
    const port = await this.#claimPort()
    try {
      signal.throwIfAborted()
      return await this.#run(port)
    } catch (error) {
      this.#ports.release(port)
      throw error
    }
  }

  async #claimPort(): Promise<number> {
    const { host, port } = this.#spec.address
    if (port === 0) return this.#ports.choose(host)
    if (await this.#ports.isFree(host, port)) return port
    throw new StartFailure(`port ${port} is already in use by another program`)
  }

  async #run(port: number): Promise<Run> {
    const child = await this.#spawn(port)
    const pid = child.pid ?? 0
    const group = new ProcessGroup(pid, this.#host.platform)
    const exited = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    const ended = exited.then(() => {
      this.#output.close()
      this.#ports.release(port)
    })
    const { address, command } = this.#spec
    const mask = createMask(command)
    return {
      origin: `${address.protocol}//${address.host}:${port}`,
      pid,
      exited,
      stop: async (recipe: StopRecipe) => {
        if (!(await group.end(stopSteps(this.#host.platform, recipe)))) {
          throw new Error(`process group ${pid} outlived its stop`)
        }
        await ended
      },
      kill: () => group.kill(),
      lastOutput: async () => (await this.#output.lastLines(LAST_LINES)).map(mask),
    }
  }

  async #spawn(port: number): Promise<ChildProcess> {
    const { command, args, cwd, env } = this.#filledIn(port)
    const output = await this.#output.open()
    try {
      const child = spawn(command, args, {
        cwd,
        env,
        detached: true,
        windowsHide: true,
        stdio: ['ignore', output.fd, output.fd],
      })
      await spawned(child)
      return child
    } catch (error) {
      this.#output.close()
      throw new StartFailure(whyNotSpawned(error), { cause: error })
    } finally {
      await output.close()
    }
  }

  #filledIn(port: number) {
    const { command, args, cwd, env } = this.#spec.command
    const values: Record<string, string> = {
      port: String(port),
      node: this.#host.node,
      gatehouse: this.#host.gatehouse,
    }
    const fill = (text: string) =>
      text.replace(/\$\{(\w+)\}/g, (place, name) => values[name] ?? place)
    const own = Object.entries(env).map(([name, value]) => [name, fill(value)])
    return {
      command: fill(command),
      args: args.map(fill),
      cwd,
      // Python holds its lines back in a file unless told not to, and a failed start would have no last words.
      env: { ...this.#host.env, PYTHONUNBUFFERED: '1', ...Object.fromEntries(own) },
    }
  }
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
}

function whyNotSpawned(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'its program or working folder was not found'
  if (code === 'EACCES') return 'its program may not be run (no permission)'
  return `its program could not be run (${String(code)})`
}

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BackendAddress, ProcessLauncherConfig } from '../config/config.js'
import { type CommandLine, fillIn } from './command-line.js'
import type { Host } from './host.js'
import { kcppsAt, kcppsIn, privateKcpps } from './kcpps.js'
import { type Exit, type Launcher, type Run, StartFailure } from './launcher.js'
import { createMask } from './mask.js'
import { OutputLog } from './output-log.js'
import { portHolder } from './port-holder.js'
import type { Ports } from './ports.js'
import { ProcessGroup } from './process-group.js'
import { identityOf, isOfThisBoot } from './process-identity.js'
import { ProcessRun } from './process-run.js'
import type { ProcessRecord, StateFile } from './state-file.js'
import { stopSteps } from './stop-steps.js'

/** An adopted process is no child of ours: the system does not tell us of its end. */
const LOOK_EVERY_MS = 250
/** What an earlier gateway left and nobody wants any more gets one polite signal and this long. */
const LEFTOVER = { signals: ['SIGTERM', 'SIGKILL'], timeoutMs: 5_000 } as const

export interface ProcessSpec {
  readonly name: string
  readonly address: BackendAddress
  readonly command: ProcessLauncherConfig
}

interface Child {
  readonly pid: number
  readonly exited: Promise<Exit>
}

/** What the launchers of one gateway share. */
export interface LauncherParts {
  readonly host: Host
  readonly ports: Ports
  readonly state: StateFile
}

/** Starts a backend as a child process that leads its own group, its output going to a file. */
export class ProcessLauncher implements Launcher {
  readonly kind = 'process'
  readonly #spec: ProcessSpec
  readonly #parts: LauncherParts
  readonly #output: OutputLog

  constructor(spec: ProcessSpec, parts: LauncherParts) {
    this.#spec = spec
    this.#parts = parts
    this.#output = new OutputLog(join(parts.host.stateDir, 'logs', `${spec.name}.log`))
  }

  /** Rejects with a StartFailure if the port is taken or the program cannot be run. */
  async start(signal: AbortSignal, env: Readonly<Record<string, string>> = {}): Promise<Run> {
    const port = await this.#claimPort()
    try {
      const filled = await this.#commandLine(port)
      const commandLine = { ...filled, env: { ...filled.env, ...env } }
      signal.throwIfAborted()
      const child = await this.#spawn(commandLine)
      return await this.#run(child, port)
    } catch (error) {
      this.#parts.ports.release(port)
      throw error
    }
  }

  async adopt(): Promise<Run | undefined> {
    const { state, host } = this.#parts
    const record = state.get(this.#spec.name)
    if (!record) return undefined
    const group = new ProcessGroup(record.pid, record.identity, host.platform)
    if (record.command === this.commandHash && (await group.leaderLives())) {
      this.#output.resume()
      return this.#runOf(group, untilGone(group), record.port)
    }
    await endLeftover(this.#spec.name, this.#parts)
    return undefined
  }

  async #claimPort(): Promise<number> {
    const { host, port } = this.#spec.address
    const { ports } = this.#parts
    try {
      return port === 0 ? await ports.choose(host) : await ports.check(host, port)
    } catch (cause) {
      throw new StartFailure(await this.#whyNoPort(port, cause), { cause })
    }
  }

  async #whyNoPort(port: number, error: unknown): Promise<string> {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EACCES') return `port ${port} may not be used (no permission)`
    if (code !== 'EADDRINUSE') return 'the host in its url is no address of this machine'
    const holder = await portHolder(port, this.#parts.host.platform)
    return `port ${port} is already in use by ${holder ?? 'another program'}`
  }

  async #commandLine(port: number): Promise<CommandLine> {
    const { host } = this.#parts
    const { name, address, command } = this.#spec
    const tempDir = join(host.stateDir, 'tmp', name)
    await mkdir(tempDir, { recursive: true, mode: 0o700 })
    const filled = fillIn(command, host, { port, tempDir })
    const at = kcppsAt(filled.args)
    if (at < 0) return filled
    const { option, file } = kcppsIn(filled.args[at] ?? '')
    const given = await readKcpps(resolve(filled.cwd, file))
    const copy = join(tempDir, `${name}.kcpps`)
    await writeFile(copy, privateKcpps(given, { host: address.host, port }), { mode: 0o600 })
    return { ...filled, args: filled.args.with(at, option + copy) }
  }

  async #spawn({ command, args, cwd, env }: CommandLine): Promise<Child> {
    const output = await this.#output.open()
    try {
      const child = spawn(command, args, {
        cwd,
        env,
        detached: true,
        windowsHide: true,
        stdio: ['ignore', output.fd, output.fd],
      })
      // Listened for at once: a program may end before anything else is done with it.
      const exited = new Promise<Exit>((resolve) => {
        child.once('exit', (code, signal) => resolve({ code, signal }))
      })
      return { pid: await spawned(child), exited }
    } catch (error) {
      this.#output.close()
      throw new StartFailure(whyNotSpawned(error, command, cwd), { cause: error })
    } finally {
      await output.close()
    }
  }

  async #run({ pid, exited }: Child, port: number): Promise<Run> {
    const { platform } = this.#parts.host
    const group = new ProcessGroup(pid, await identityOf(pid, platform), platform)
    try {
      return this.#runOf(group, exited, port)
    } catch (cause) {
      group.kill() // a process that cannot be remembered must not live on unknown
      await exited
      throw new StartFailure('its state could not be written', { cause })
    }
  }

  #runOf(group: ProcessGroup, exited: Promise<Exit>, port: number): Run {
    const { state, ports, host } = this.#parts
    const { name, address, command } = this.#spec
    const { pid, identity } = group
    if (identity !== undefined) {
      state.put(name, { pid, identity, command: this.commandHash, port })
    }
    return new ProcessRun({
      ...{ group, exited, port, ports, platform: host.platform, output: this.#output },
      protocol: address.protocol,
      host: address.host,
      mask: createMask({ ...command, env: { ...host.env, ...command.env } }),
      onGone: () => {
        ports.release(port)
        state.remove(name, pid)
      },
    })
  }

  /** Equal for equal commands, so that a changed routes.json never adopts what it did not ask for. */
  get commandHash(): string {
    const { command, address } = this.#spec
    return createHash('sha256')
      .update(JSON.stringify([command, address]))
      .digest('hex')
  }
}

/** Ends what an earlier gateway left under this name, if it is provably that process. */
export async function endLeftover(name: string, { host, state }: LauncherParts): Promise<void> {
  const record: ProcessRecord | undefined = state.get(name)
  if (!record) return
  if (await isOfThisBoot(record.identity, host.platform)) {
    const group = new ProcessGroup(record.pid, record.identity, host.platform)
    await group.end(stopSteps(host.platform, LEFTOVER))
  }
  state.remove(name, record.pid)
}

/** How it ended cannot be known: only its parent is told. */
async function untilGone(group: ProcessGroup): Promise<Exit> {
  while (await group.leaderLives()) await sleep(LOOK_EVERY_MS, undefined, { ref: false })
  return { code: null, signal: null }
}

async function readKcpps(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new StartFailure('its .kcpps file cannot be read', { cause })
  }
}

function spawned(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid ?? 0))
    child.once('error', reject)
  })
}

/** The system gives one error for a missing program and a missing folder. */
function whyNotSpawned(error: unknown, command: string, cwd: string): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (!existsSync(cwd)) return `its working folder '${basename(cwd)}' was not found`
  if (code === 'ENOENT') return `the program '${basename(command)}' was not found`
  if (code === 'EACCES') return `the program '${basename(command)}' may not be run (no permission)`
  return `its program could not be run (${String(code)})`
}

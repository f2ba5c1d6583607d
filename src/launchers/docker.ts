import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerInspectInfo } from 'dockerode'
import type { BackendAddress, ContainerChoice } from '../config/config.js'
import { connectEngine, type DockerEngine } from './docker-engine.js'
import { originOf } from './docker-facts.js'
import { ContainerOutput } from './docker-output.js'
import { DockerRun } from './docker-run.js'
import { toStartFailure } from './docker-words.js'
import type { Host } from './host.js'
import { type Launcher, type Run, StartFailure } from './launcher.js'
import { createMask } from './mask.js'
import { OutputLog } from './output-log.js'

/** What a container prints may hold secrets, but which, only its own definition says. */
const NO_WORDS = { args: [], env: {} }
/** The socket proxy may be started in the same moment as the gateway. */
const ADOPTION = { tries: 5, pauseMs: 300 } as const
const AT_ONCE = { signal: 'SIGKILL', seconds: 0 } as const

export interface DockerSpec {
  readonly name: string
  readonly address: BackendAddress
  readonly container: ContainerChoice
}

/** Starts a backend by starting a container that exists already. */
export class DockerLauncher implements Launcher {
  readonly kind = 'docker'
  readonly #spec: DockerSpec
  readonly #host: Host

  constructor(spec: DockerSpec, host: Host) {
    this.#spec = spec
    this.#host = host
  }

  /** What it is made of is said elsewhere: by its place, it is taken for the same one. */
  get commandHash(): string {
    const { container, address } = this.#spec
    return createHash('sha256')
      .update(JSON.stringify([container, address]))
      .digest('hex')
  }

  /** Goes on with the container if it runs already. Rejects with a StartFailure if it cannot be started. */
  async start(signal: AbortSignal): Promise<Run> {
    signal.throwIfAborted()
    try {
      const engine = await connectEngine(this.#host)
      const { Id } = await this.#find(engine)
      signal.throwIfAborted()
      return await this.#startAt(engine, Id, signal)
    } catch (error) {
      throw signal.aborted ? signal.reason : toStartFailure(error)
    }
  }

  /** A container that runs is the backend, whoever started it: its name says so. */
  async adopt(): Promise<Run | undefined> {
    for (let tries = 1; ; tries += 1) {
      try {
        const engine = await connectEngine(this.#host)
        const container = await engine.find(this.#choice)
        return container?.State.Running ? await this.#run(engine, container) : undefined
      } catch {
        if (tries === ADOPTION.tries) return undefined // the first start will say why
        await sleep(ADOPTION.pauseMs)
      }
    }
  }

  get #choice(): ContainerChoice {
    const { container } = this.#spec
    if (container.name !== undefined) return container
    return { ...container, project: container.project ?? this.#host.env.COMPOSE_PROJECT_NAME }
  }

  /** Whatever goes wrong on the way, nothing is left running. */
  async #startAt(engine: DockerEngine, id: string, signal: AbortSignal): Promise<Run> {
    try {
      await engine.start(id, signal)
      return await this.#run(engine, await this.#find(engine))
    } catch (error) {
      await engine.stop(id, AT_ONCE).catch(() => {}) // what went wrong first says more
      throw error
    }
  }

  async #find(engine: DockerEngine): Promise<ContainerInspectInfo> {
    const found = await engine.find(this.#choice)
    if (found) return found
    const { name, service } = this.#spec.container
    throw new StartFailure(
      name === undefined
        ? `the service '${service}' has no container (docker compose create makes it)`
        : `there is no container '${name}' (docker compose create makes it)`,
    )
  }

  async #run(engine: DockerEngine, container: ContainerInspectInfo): Promise<Run> {
    const { address, name } = this.#spec
    const log = new OutputLog(join(this.#host.stateDir, 'logs', `${name}.log`))
    const since = await lastWritten(log.file)
    const file = await log.open()
    const begun = Date.parse(container.State.StartedAt) / 1000
    const output = new ContainerOutput({
      ...{ engine, file, id: container.Id },
      isTerminal: container.Config.Tty,
      since: Math.max(begun, since),
    })
    // Elsewhere containers live in a machine of their own, whose networks only look like ours.
    const interfaces = this.#host.platform === 'linux' ? networkInterfaces() : {}
    const origin = originOf(address, container, interfaces)
    return new DockerRun({ engine, container, origin, output, log, mask: createMask(NO_WORDS) })
  }
}

/**
 * What was printed before is in the file already, but for the ticks of a file system's clock: a line of that very
 * moment may come twice. In seconds since 1970; 0 if there is no file.
 */
async function lastWritten(file: string): Promise<number> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs / 1000,
    () => 0,
  )
}

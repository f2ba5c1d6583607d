import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { ContainerInfo, ContainerInspectInfo } from 'dockerode'
import type { ContainerChoice } from '../config/config.js'
import { engineAddress } from './docker-host.js'
import type { Host } from './host.js'
import { StartFailure } from './launcher.js'

/** For each call, and for all of it: a name that is not resolved, a connection, an answer. */
const CALL_MS = 10_000
/** Networks, volumes and a card are made ready within a start. */
const START_MS = 60_000
/** The first engine whose `stop` can be told which signal to send (Docker 23). */
const STOP_SIGNAL_SINCE = [1, 42] as const

export interface StopAsk {
  /** How long it may take to end by itself. */
  readonly seconds: number
  readonly signal: NodeJS.Signals | undefined
}

/** The few things that are asked of a Docker engine. Each call ends within its time, whatever the engine does. */
export class DockerEngine {
  readonly #docker: Docker
  readonly #knowsStopSignal: boolean

  constructor(docker: Docker, apiVersion: string) {
    this.#docker = docker
    const [major = 0, minor = 0] = apiVersion.split('.').map(Number)
    const [sinceMajor, sinceMinor] = STOP_SIGNAL_SINCE
    this.#knowsStopSignal = major > sinceMajor || (major === sinceMajor && minor >= sinceMinor)
  }

  /** The container's present facts; undefined if there is none of this name. Throws a StartFailure for two. */
  async find({
    name,
    service,
    project,
  }: ContainerChoice): Promise<ContainerInspectInfo | undefined> {
    if (name !== undefined) return this.inspect(name)
    const label = [`com.docker.compose.service=${service}`]
    if (project !== undefined) label.push(`com.docker.compose.project=${project}`)
    const filters = { label }
    const found: ContainerInfo[] = await this.#docker.listContainers({
      all: true,
      filters,
      abortSignal: soon(),
    })
    // `docker compose run` makes containers of the service too, for one command each.
    const [first, second] = found.filter(({ Labels }) => !isOneOff(Labels))
    if (second) throw new StartFailure('several containers belong to its service')
    return first && this.inspect(first.Id)
  }

  /** By id or name; undefined if there is none. */
  async inspect(container: string): Promise<ContainerInspectInfo | undefined> {
    return perhaps(404, this.#docker.getContainer(container).inspect({ abortSignal: soon() }))
  }

  /** Resolves when it runs, also if it did before. Rejected, it may run all the same. */
  async start(id: string, signal: AbortSignal): Promise<void> {
    const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(START_MS)])
    await perhaps(304, this.#docker.getContainer(id).start({ abortSignal }))
  }

  /** Resolves when it does not run any more, also if it did not before or is gone. */
  async stop(id: string, { seconds, signal }: StopAsk): Promise<void> {
    const abortSignal = AbortSignal.timeout(seconds * 1000 + CALL_MS)
    const how = this.#knowsStopSignal && signal ? { signal } : {}
    const stopped = this.#docker.getContainer(id).stop({ t: seconds, ...how, abortSignal })
    await perhaps(404, perhaps(304, stopped))
  }

  /** What it prints from this moment on (seconds since 1970), until it ends; as the engine sends it. */
  async output(id: string, since: number): Promise<Readable> {
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), CALL_MS)
    const ask = {
      follow: true,
      stdout: true,
      stderr: true,
      since,
      abortSignal: abort.signal,
    } as const
    try {
      return (await this.#docker.getContainer(id).logs(ask)) as Readable
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Asks the engine that this machine's environment names which API it speaks, and speaks that. */
export async function connectEngine(host: Pick<Host, 'env' | 'platform'>): Promise<DockerEngine> {
  const { default: Client } = await import('dockerode')
  const address = engineAddress(host)
  const version = await apiVersion(new Client(address))
  return new DockerEngine(new Client({ ...address, version: `v${version}` }), version)
}

/** The newest API that the engine speaks: every ping says so, in a header that dockerode's own ping drops. */
function apiVersion({ modem }: Docker): Promise<string> {
  const ask = {
    path: '/_ping',
    method: 'GET',
    isStream: true,
    abortSignal: soon(),
    statusCodes: { 200: true },
  }
  return new Promise((resolve, reject) => {
    modem.dial(ask, (error, answer) => {
      if (error) return reject(error)
      const reply = answer as IncomingMessage // that is what `isStream` asks for
      reply.resume()
      const version = reply.headers['api-version']
      if (typeof version === 'string' && /^\d+\.\d+$/.test(version)) resolve(version)
      else reject(new StartFailure('what DOCKER_HOST names is no Docker engine'))
    })
  })
}

function soon(): AbortSignal {
  return AbortSignal.timeout(CALL_MS)
}

function isOneOff(labels: Readonly<Record<string, string>>): boolean {
  return labels['com.docker.compose.oneoff'] === 'True'
}

/** Undefined where the engine answers with this status, which is no fault to who asks. */
async function perhaps<T>(status: number, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (statusOf(error) === status) return undefined
    throw error
  }
}

/** The status of an engine's refusal; undefined: it was not reached. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined
  return typeof error.statusCode === 'number' ? error.statusCode : undefined
}

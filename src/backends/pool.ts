import { isDeepStrictEqual } from 'node:util'
import type { BackendConfig, Config } from '../config/config.js'
import { GatehouseError } from '../errors.js'
import { createLauncher } from '../launchers/create.js'
import { endLeftover, type LauncherParts } from '../launchers/process.js'
import type { Memory } from '../memory/memory.js'
import { Backend, type BackendStatus } from './backend.js'
import { DeviceTurns } from './device-turns.js'
import type { BackendRecorder } from './recorder.js'

export interface PoolParts extends LauncherParts {
  readonly recorder: BackendRecorder
  readonly memory: Memory
}

/** What changed when a new configuration was applied, by name. */
export interface Applied {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

/** All backends of one gateway. */
export class Pool {
  readonly #parts: PoolParts
  #drainTimeoutMs: number
  #backends: ReadonlyMap<string, Backend> = new Map()
  /** Backends that are no longer in the configuration, with their ends, until they have ended. */
  readonly #leaving = new Map<Backend, Promise<void>>()
  readonly #preloading = new AbortController()
  readonly #turns: DeviceTurns

  constructor(config: Config, parts: PoolParts) {
    this.#parts = parts
    this.#drainTimeoutMs = config.listen.drainTimeoutMs
    this.#turns = new DeviceTurns(config.devices)
    parts.ports.reserve(config.backends.map(({ address }) => address.port))
    this.#backends = new Map(config.backends.map((backend) => [backend.name, this.#make(backend)]))
  }

  get(name: string): Backend | undefined {
    return this.#backends.get(name)
  }

  statuses(): BackendStatus[] {
    return [...this.#backends.values()].map((backend) => backend.status())
  }

  /** Whether every backend that is to be kept loaded is ready. */
  isReady(): boolean {
    return [...this.#backends.values()].every(
      (backend) => !backend.config.keepLoaded || backend.status().state === 'ready',
    )
  }

  /** Goes on with the backends that a gateway before this one left running, and ends what nobody asks for now. */
  async adopt(): Promise<void> {
    const left = this.#parts.state.names().filter((name) => !this.#backends.has(name))
    await Promise.all([
      ...left.map((name) => endLeftover(name, this.#parts)),
      ...[...this.#backends.values()].map((backend) => backend.adopt()),
    ])
  }

  /** Begins to start the backends that are to be kept loaded and are not; a failure is tried again after its pause. */
  preload(): void {
    const begun = new Map<string, Promise<void>>()
    const begin = ({ config }: Backend): Promise<void> => {
      const known = begun.get(config.name)
      if (known !== undefined) return known
      const before = config.startsAfter.flatMap((name) => this.#backends.get(name) ?? [])
      const work = Promise.all(before.map(begin)).then(() => this.#startQuietly(config.name))
      begun.set(config.name, work)
      return work
    }
    for (const backend of this.#backends.values()) {
      if (backend.config.keepLoaded) void begin(backend)
    }
  }

  /**
   * Takes over another configuration: what is unchanged stays as it is; what is changed or gone refuses new asks with
   * GATEHOUSE_RETIRED, lets its running requests end and stops.
   */
  apply(config: Config): Applied {
    const before = this.#backends
    this.#parts.ports.reserve(config.backends.map(({ address }) => address.port))
    this.#drainTimeoutMs = config.listen.drainTimeoutMs
    this.#parts.memory.configure(config)
    this.#turns.configure(config.devices)
    const isKept = (next: BackendConfig) => isDeepStrictEqual(before.get(next.name)?.config, next)
    const kept = config.backends.filter(isKept).map(({ name }) => name)
    for (const [name, backend] of before) {
      if (!kept.includes(name)) this.#retire(name, backend)
    }
    this.#backends = new Map(
      config.backends.map((next) => {
        const same = kept.includes(next.name) ? before.get(next.name) : undefined
        return [next.name, same ?? this.#make(next)]
      }),
    )
    this.preload()
    const isNew = (name: string) => !before.has(name)
    const names = [...this.#backends.keys()]
    return {
      added: names.filter(isNew),
      changed: names.filter((name) => !isNew(name) && !kept.includes(name)),
      removed: [...before.keys()].filter((name) => !this.#backends.has(name)),
    }
  }

  /**
   * Refuses all who wait and all who come, lets running requests end (bounded), and stops every backend; or leaves
   * those that are ready running, for the next gateway.
   */
  async close(how: 'end' | 'release' = 'end'): Promise<void> {
    this.#preloading.abort()
    const stopping = new GatehouseError('GATEHOUSE_STOPPING', { retryAfterSeconds: 5 })
    const backends = [...this.#backends.values()]
    for (const backend of backends) backend.refuse(stopping)
    const written = this.#parts.memory.close() // nobody waits for a driver any more
    await Promise.all([
      written,
      ...this.#leaving.values(),
      ...backends.map((backend) => (how === 'end' ? backend.stop('shutdown') : backend.release())),
    ])
  }

  /** Ends every process at once, without waiting: the gateway itself is dying. */
  kill(): void {
    for (const backend of [...this.#backends.values(), ...this.#leaving.keys()]) backend.kill()
  }

  #make(config: BackendConfig): Backend {
    const { recorder, memory } = this.#parts
    const launcher = createLauncher(config, this.#parts)
    const after = this.#endsBefore(config)
    const facts = { launcher, recorder, memory, after, turns: this.#turns }
    return new Backend(config, { ...facts, drainTimeoutMs: this.#drainTimeoutMs })
  }

  #retire(name: string, backend: Backend): void {
    backend.refuse(new GatehouseError('GATEHOUSE_RETIRED', { values: { backend: name } }))
    const end = backend.stop('its configuration changed').finally(() => {
      this.#leaving.delete(backend)
    })
    this.#leaving.set(backend, end)
  }

  /** What has the same name, or the same place to listen at, ends before this one starts. */
  async #endsBefore({ name, address }: BackendConfig): Promise<void> {
    const isInTheWay = ({ config }: Backend) =>
      config.name === name || (address.port !== 0 && config.address.port === address.port)
    const inTheWay = [...this.#leaving].filter(([backend]) => isInTheWay(backend))
    await Promise.all(inTheWay.map(([, end]) => end))
  }

  async #startQuietly(name: string): Promise<void> {
    await this.#backends
      .get(name)
      ?.start(this.#preloading.signal)
      .catch(() => {})
  }
}

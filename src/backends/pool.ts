import type { Config } from '../config/config.js'
import { GatehouseError } from '../errors.js'
import { createLauncher } from '../launchers/create.js'
import type { Host } from '../launchers/host.js'
import { Ports } from '../launchers/ports.js'
import { Backend, type BackendStatus } from './backend.js'
import type { BackendRecorder } from './recorder.js'

/** All backends of one gateway. */
export class Pool {
  readonly #backends: ReadonlyMap<string, Backend>

  constructor(config: Config, host: Host, recorder: BackendRecorder) {
    const ports = new Ports()
    const { drainTimeoutMs } = config.listen
    this.#backends = new Map(
      config.backends.map((backend) => {
        const launcher = createLauncher(backend, host, ports)
        return [backend.name, new Backend(backend, { launcher, recorder, drainTimeoutMs })]
      }),
    )
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

  /** Begins to start the backends that are to be kept loaded; a failure is recorded, and the next ask tries again. */
  preload(signal: AbortSignal): void {
    for (const backend of this.#backends.values()) {
      if (backend.config.keepLoaded) backend.start(signal).catch(() => {})
    }
  }

  /** Refuses all who wait and all who come, lets running requests end (bounded), and stops every backend. */
  async close(): Promise<void> {
    const stopping = new GatehouseError('GATEHOUSE_STOPPING', { retryAfterSeconds: 5 })
    for (const backend of this.#backends.values()) backend.refuse(stopping)
    await Promise.all([...this.#backends.values()].map((backend) => backend.stop('shutdown')))
  }

  /** Ends every process at once, without waiting: the gateway itself is dying. */
  kill(): void {
    for (const backend of this.#backends.values()) backend.kill()
  }
}

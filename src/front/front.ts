import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { BaseLogger } from 'pino'
import type { Pool } from '../backends/pool.js'
import type { BackendRecorder } from '../backends/recorder.js'
import type { Config } from '../config/config.js'
import type { Defaults } from '../routing/defaults.js'
import type { PickParts } from '../routing/pick.js'
import { Pictures, type WorkUnderWay } from './a1111-pictures.js'
import { KoboldFace } from './face.js'
import { type FactParts, faceFacts } from './facts.js'
import { Gatherer } from './gather.js'
import { Registry } from './registry.js'
import { RegistryFile } from './registry-file.js'
import { reportedModels } from './reported.js'

export interface FrontParts {
  readonly stateDir: string
  readonly log: BaseLogger
  /** Asked for only once backends move or somebody calls. */
  readonly pool: () => Pool
  readonly defaults: Defaults
  readonly underWay: WorkUnderWay
}

/** What outlives a configuration of the face: what was heard of the backends, on disk too, and who asks them. */
export class Front {
  readonly #parts: FrontParts
  readonly #registry: Registry
  readonly #gatherer: Gatherer
  /** To be told of every exchange, by its `times`. */
  readonly pictures: Pictures
  readonly #said: FactParts['said'] = (backend, path) => this.#registry.get(backend, path)
  readonly #startedMs = performance.now()

  constructor(parts: FrontParts) {
    this.#parts = parts
    this.pictures = new Pictures(parts.pool, parts.underWay)
    this.#registry = new Registry(new RegistryFile(join(parts.stateDir, 'answers.json'), parts.log))
    this.#gatherer = new Gatherer({ registry: this.#registry, pool: parts.pool })
  }

  /** To be told of every move of a backend. */
  get recorder(): BackendRecorder {
    return this.#gatherer
  }

  /** The face of this configuration. */
  face(config: Config): KoboldFace {
    const { pool, defaults } = this.#parts
    return new KoboldFace(config, {
      ...{
        defaults,
        pictures: this.pictures,
        gatherer: this.#gatherer,
        startedMs: this.#startedMs,
      },
      pool: pool(),
      said: this.#said,
    })
  }

  /** What decides, beside this configuration, which backend a request gets. */
  pickParts(config: Config): PickParts {
    const facts = faceFacts(config, { said: this.#said })
    const { defaults } = this.#parts
    if (!config.admin.switchTextModel) defaults.forget('text') // what nobody may choose any more
    return { defaults, reported: reportedModels(facts) }
  }

  /** Begins to ask those backends that somebody else runs. */
  listen(): void {
    this.#gatherer.freshen()
  }

  /** Asks no more; resolves when what was heard is on disk. */
  close(): Promise<void> {
    return this.#gatherer.close()
  }
}

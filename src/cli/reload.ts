import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { App } from '../app.js'
import type { Config } from '../config/config.js'
import { loadConfig } from '../config/load.js'
import { watchFile } from '../config/watch.js'

export interface ReloadParts {
  readonly app: App
  readonly log: Logger
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Keeps a running gateway in step with its routes.json. A bad file changes nothing, and is reported. */
export class Reloader {
  readonly #parts: ReloadParts
  readonly #unwatch: () => void
  #current: Config

  constructor(config: Config, parts: ReloadParts) {
    this.#current = config
    this.#parts = parts
    this.#unwatch = watchFile(config.file, () => this.reload())
  }

  /** Reads the file and takes it over; does nothing if it says what it said before. */
  reload(): void {
    const { app, log } = this.#parts
    const next = this.#read()
    if (!next || isDeepStrictEqual(next, this.#current)) return
    if (!isDeepStrictEqual(next.listen, this.#current.listen)) {
      log.warn('routes.json: "listen" is only read at a start; restart Gatehouse to apply it')
    }
    const applied = app.apply(next)
    this.#current = next
    log.info(applied, 'routes.json: applied')
  }

  close(): void {
    this.#unwatch()
  }

  #read(): Config | undefined {
    try {
      return loadConfig(this.#current.file, this.#parts.env)
    } catch (error) {
      const faults = error instanceof Error ? error.message.split('\n') : [String(error)]
      this.#parts.log.error({ faults }, 'routes.json: has faults, so nothing was changed')
      return undefined
    }
  }
}

import { readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BaseLogger } from 'pino'
import { isObject, type JsonObject } from './read.js'

/** The last good answers of one backend, by path. */
export interface Heard {
  /** Which command or address they are of. */
  readonly of: string
  readonly answers: JsonObject
}

/** By the backend's name. */
export type HeardByName = ReadonlyMap<string, Heard>

/** The file that keeps answers between runs; replaced as a whole, so that it is never half of one. */
export class RegistryFile {
  readonly #file: string
  readonly #log: BaseLogger
  #next: HeardByName | undefined
  #writing: Promise<void> | undefined
  #hasWarned = false

  constructor(file: string, log: BaseLogger) {
    this.#file = file
    this.#log = log
  }

  /** What it holds; nothing, with a warning, where it is damaged: the backends are asked again. */
  read(): HeardByName {
    const text = this.#text()
    if (text === undefined) return new Map()
    try {
      return heardIn(JSON.parse(text))
    } catch (error) {
      this.#warn(error, 'is damaged, and what it knew of the backends is asked again')
      return new Map()
    }
  }

  /** Begins to write; what comes while it writes is written afterwards, the newest only. */
  write(heard: HeardByName): void {
    this.#next = heard
    this.#writing ??= this.#writeAll()
  }

  /** Resolves when nothing is left to write. */
  async written(): Promise<void> {
    await this.#writing
  }

  #text(): string | undefined {
    try {
      return readFileSync(this.#file, 'utf8')
    } catch {
      return undefined // a first run
    }
  }

  async #writeAll(): Promise<void> {
    while (this.#next) {
      const content = { version: 1, backends: Object.fromEntries(this.#next) }
      this.#next = undefined
      try {
        await this.#replace(JSON.stringify(content))
      } catch (error) {
        this.#warn(error, 'cannot be written, so that a next run knows less of its backends')
      }
    }
    this.#writing = undefined // in the tick that found nothing more to write
  }

  async #replace(text: string): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
    const draft = `${this.#file}.new`
    await writeFile(draft, text, { mode: 0o600 })
    await rename(draft, this.#file)
  }

  #warn(err: unknown, what: string): void {
    if (!this.#hasWarned) this.#log.warn({ err, file: this.#file }, `${this.#file} ${what}`)
    this.#hasWarned = true
  }
}

/** Throws where it is anything else. */
function heardIn(content: unknown): HeardByName {
  if (!isObject(content) || content.version !== 1 || !isObject(content.backends)) {
    throw new TypeError('no answers of backends')
  }
  return new Map(Object.entries(content.backends).filter(isHeard))
}

function isHeard(entry: [string, unknown]): entry is [string, Heard] {
  const [, heard] = entry
  return isObject(heard) && typeof heard.of === 'string' && isObject(heard.answers)
}

import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { BackendConfig } from '../config/config.js'
import type { Heard, RegistryFile } from './registry-file.js'

/** Of more backends than this, those heard longest ago are forgotten. */
const MAX_BACKENDS = 100

/** Each backend's last good answers, kept between runs; what was heard of another command or address is not used. */
export class Registry {
  readonly #file: RegistryFile
  readonly #heard: Map<string, Heard>
  readonly #fingerprints = new WeakMap<BackendConfig, string>()

  constructor(file: RegistryFile) {
    this.#file = file
    this.#heard = new Map(file.read())
  }

  /** What this backend last said at this path; undefined: it never did. */
  get(backend: BackendConfig, path: string): unknown {
    const heard = this.#heard.get(backend.name)
    if (heard?.of !== this.#fingerprint(backend)) return undefined
    return Object.hasOwn(heard.answers, path) ? heard.answers[path] : undefined
  }

  /** Takes an answer in, and writes it down if it is news. */
  keep(backend: BackendConfig, path: string, answer: unknown): void {
    if (isDeepStrictEqual(this.get(backend, path), answer)) return
    const of = this.#fingerprint(backend)
    const before = this.#heard.get(backend.name)
    const kept = before?.of === of ? before.answers : {}
    this.#heard.delete(backend.name)
    this.#heard.set(backend.name, { of, answers: { ...kept, [path]: answer } })
    const [oldest] = this.#heard.keys()
    if (this.#heard.size > MAX_BACKENDS && oldest !== undefined) this.#heard.delete(oldest)
    this.#file.write(this.#heard)
  }

  /** Resolves when all that was heard is on disk. */
  async written(): Promise<void> {
    await this.#file.written()
  }

  #fingerprint(backend: BackendConfig): string {
    const known = this.#fingerprints.get(backend)
    if (known !== undefined) return known
    const fingerprint = fingerprintOf(backend)
    this.#fingerprints.set(backend, fingerprint)
    return fingerprint
  }
}

/** A hash, because a command may hold secrets. */
function fingerprintOf({ dialect, address, launcher }: BackendConfig): string {
  return createHash('sha256')
    .update(JSON.stringify([dialect, address, launcher]))
    .digest('hex')
}

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** What has to be known of a process to find it again after the gateway was killed. */
export interface ProcessRecord {
  readonly pid: number
  /** Names this process and no later one with its id. */
  readonly identity: string
  /** Hash of the command that it was started with. */
  readonly command: string
  readonly port: number
}

interface Content {
  /** The gateway that keeps this file. */
  readonly gateway?: { readonly pid: number; readonly identity: string }
  readonly backends: Record<string, ProcessRecord>
}

/**
 * The processes of a gateway's backends, on disk. Each change replaces the whole file at once, so that whoever reads
 * it after a crash finds the state before or after that change, never half of it.
 */
export class StateFile {
  readonly #file: string
  #content: Content

  constructor(file: string) {
    this.#file = file
    this.#content = read(file)
  }

  /** The gateway that wrote the file last. */
  get gateway(): Content['gateway'] {
    return this.#content.gateway
  }

  names(): string[] {
    return Object.keys(this.#content.backends)
  }

  get(name: string): ProcessRecord | undefined {
    const { backends } = this.#content
    return Object.hasOwn(backends, name) ? backends[name] : undefined
  }

  /** Says which gateway keeps the file from now on. */
  claim(gateway: { readonly pid: number; readonly identity: string }): void {
    this.#write({ ...this.#content, gateway })
  }

  put(name: string, record: ProcessRecord): void {
    const backends = { ...this.#content.backends, [name]: record }
    this.#write({ ...this.#content, backends })
  }

  /** Forgets a process, unless another one has taken its name. */
  remove(name: string, pid: number): void {
    const { [name]: record, ...backends } = this.#content.backends
    if (record?.pid === pid) this.#write({ ...this.#content, backends })
  }

  #write(content: Content): void {
    this.#content = content
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 })
    const draft = `${this.#file}.new`
    writeFileSync(draft, JSON.stringify(content, undefined, 2), { mode: 0o600 })
    renameSync(draft, this.#file)
  }
}

/** A file that is missing or damaged says nothing: then no process is provably ours. */
function read(file: string): Content {
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isContent(content) ? content : { backends: {} }
  } catch {
    return { backends: {} }
  }
}

function isContent(value: unknown): value is Content {
  if (typeof value !== 'object' || value === null || !('backends' in value)) return false
  const { backends } = value
  if ('gateway' in value && !isKeeper(value.gateway)) return false
  return (
    typeof backends === 'object' && backends !== null && Object.values(backends).every(isRecord)
  )
}

function isKeeper(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { pid, identity } = value as Partial<Record<string, unknown>>
  // In a container the gateway itself is often process 1.
  return Number.isInteger(pid) && Number(pid) > 0 && typeof identity === 'string'
}

/** 0 and below name groups of processes, and 1 is the system's own. */
function isProcessId(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value > 1
}

function isRecord(value: unknown): value is ProcessRecord {
  if (typeof value !== 'object' || value === null) return false
  const { pid, identity, command, port } = value as Partial<Record<keyof ProcessRecord, unknown>>
  const isText = typeof identity === 'string' && typeof command === 'string'
  return isText && isProcessId(pid) && Number.isInteger(port)
}

import type { Workload } from '../config/config.js'

/** The dialect in which a caller of a path expects its errors. */
export type Caller = 'kobold' | 'openai' | 'anthropic' | 'ollama' | 'a1111' | 'comfyui' | 'xtts'

/** What the gateway does itself instead of asking a backend. */
export type GatewayAnswer =
  | 'preflight' // OPTIONS and HEAD: 200 without a body
  | 'websocket' // ComfyUI's /ws: status frames, or a tunnel
  | 'shutdown' // refused, always
  | 'admin' // off unless the gateway serves it
  | 'meta' // merged from the registry; the row's id says which answer
  | 'image-missing' // calls of A1111 and ComfyUI that KoboldCpp lacks, or mixes clients up in; the row's id says which
  | 'running' // abort, check and last_logprobs: belong to the request that is running

/** Whoever serves a workload; if nobody does, whoever serves `otherwise`. */
export interface WorkloadTarget {
  readonly workload: Workload
  readonly otherwise?: Workload
  readonly gateway?: never
  readonly backend?: never
}

/** The gateway itself, about a workload. */
export interface GatewayTarget {
  readonly gateway: GatewayAnswer
  readonly of: Workload | 'all'
  readonly workload?: never
  readonly otherwise?: never
  readonly backend?: never
}

/** Where a row of the built-in table leads. */
export type RowTarget = WorkloadTarget | GatewayTarget

/** One line of the built-in table. */
export interface Row {
  /** Unique and stable. */
  readonly id: string
  /** Upper case; empty: every method. */
  readonly methods: readonly string[]
  /** `/a` is exact; a star in front: ends so; a star behind: starts so; both: contains it. */
  readonly patterns: readonly string[]
  readonly to: RowTarget
  /** May this call start a backend that is stopped? */
  readonly wake: boolean
  /** Does it wait its turn? false: KoboldCpp answers it at once, even in mid-generation. */
  readonly lane: boolean
  readonly caller: Caller
  /** Looked at before all others, so that no suffix can carry a path past it. */
  readonly first: boolean
  /** Matches only a request that offers to become a WebSocket. */
  readonly upgrade: boolean
  /** Only for a backend with nothing to do, as KoboldCpp makes an unknown POST wait for its lock. */
  readonly idleOnly: boolean
  /** What is left when no row knows the path. */
  readonly fallback: boolean
  readonly about: string
}

/** What the rows of one family have in common; what is left out is false. */
export type Family = Pick<Row, 'to' | 'methods'> &
  Partial<Pick<Row, 'wake' | 'lane' | 'first' | 'upgrade' | 'idleOnly' | 'fallback'>>

/** What is a row's own: id, patterns with spaces between, caller, about. */
export type Line = readonly [id: string, patterns: string, caller: Caller, about: string]

/** The rows of a family, one for each line, in the same order. */
export function rowsOf(family: Family, lines: readonly Line[]): Row[] {
  return lines.map((line) => rowOf(family, line))
}

/** One frozen row. */
export function rowOf(family: Family, [id, patterns, caller, about]: Line): Row {
  return Object.freeze({
    ...DEFAULTS,
    ...family,
    id,
    patterns: patterns.split(' '),
    caller,
    about,
  })
}

const DEFAULTS = {
  wake: false,
  lane: false,
  first: false,
  upgrade: false,
  idleOnly: false,
  fallback: false,
}

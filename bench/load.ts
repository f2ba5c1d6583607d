import { spawnSync } from 'node:child_process'
import type { Generator } from './options.js'

/** What a load generator saw of one measurement. */
export interface LoadResult {
  /** Replies that were complete. */
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Broken connections, timeouts and statuses other than 2xx and 3xx. */
  readonly errors: number
}

export interface LoadAsk {
  readonly url: string
  readonly connections: number
  readonly durationS: number
}

/** Sends the same POST of 1 kB over and over, each connection one at a time. */
export type Load = (ask: LoadAsk) => Promise<LoadResult>

/** The better load generator of those that are installed. */
export function bestGenerator(): Generator {
  return spawnSync('wrk', ['--version']).error ? 'autocannon' : 'wrk'
}

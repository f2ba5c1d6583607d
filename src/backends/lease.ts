import type { BackendConfig } from '../config/config.js'
import type { Leaving } from '../departure.js'
import type { Dialect } from '../dialects/dialect.js'
import type { Upstream } from './upstream.js'

/** Whoever wants to hear that it waits. */
export interface Asker {
  /** It must wait: so many are to go before it, and for so many milliseconds if that is known. */
  waits(ahead: number, etaMs: number | undefined): void
}

/** What a request asks of a backend. */
export interface LeaseAsk {
  /** Who asks, for fairness: a key, else an address. */
  readonly client: string
  /** Aborts when the client leaves. */
  readonly signal: Leaving
  /** Whether a backend that is down may be started for it. */
  readonly wake: boolean
  /** Whether it waits for its turn; false for what a backend answers at once even when busy. */
  readonly lane: boolean
  readonly asker?: Asker
  /** Only if nothing else runs there: it would wait unseen inside the backend. */
  readonly onlyIdle: boolean
}

/** Leave to send one request to one backend. */
export interface Lease {
  readonly config: BackendConfig
  readonly dialect: Dialect
  readonly upstream: Upstream
  /** Where the backend listens, such as `http://127.0.0.1:5001`. */
  readonly origin: string
  /** Time spent in the lane, and waiting for a start, in milliseconds. */
  readonly queueWaitMs: number
  readonly startWaitMs: number
  /** When it was granted, by `performance.now()`. */
  readonly grantedAt: number
  /** The backend could not be reached with this lease. */
  unreachable(): void
  /** Resolves with whether the backend ended by itself, as far as that shows within `ms` milliseconds. */
  endedWithin(ms: number): Promise<boolean>
  /** Gives the lease back; may be called more than once. */
  end(): void
}

import type { Duplex } from 'node:stream'
import type { Workload } from '../config/config.js'
import type { Match } from './match.js'

/** A request as the face sees it. */
export interface FaceCall {
  readonly match: Match
  readonly method: string
  /** As `normalisePath` returns it. */
  readonly path: string
  /** What stands behind the question mark, as it came; empty: nothing. */
  readonly query: string
  /** Who asks: a key, else an address. */
  readonly client: string
  /** The `model` that its body names, where that was read. */
  readonly model: string | undefined
  /** Takes the requests of the same client for this workload that still wait out of their line; returns how many. */
  cancelWaiting(workload: Workload): number
  /** The whole body, of at most so many bytes (4 MiB, and never more than `bufferBytes`); rejects as the reading of a body does. */
  body(maxBytes?: number): Promise<Buffer>
}

/** A whole answer of the gateway's own. */
export interface OwnAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
}

/** The gateway's own end of a WebSocket, which is called once with the connection, just after its 101 was written. */
export interface OwnSocket {
  readonly accept: (socket: Duplex) => void
}

export type Own = OwnAnswer | OwnSocket

/** What answers for all backends together; `front/` is one. It neither starts nor wakes any of them. */
export interface Face {
  /**
   * The answer to a call that belongs to the gateway; undefined: ask the backend that it is about, if that runs.
   * Throws GATEHOUSE_NO_ROUTE for what has no answer here and is no backend's business either. An OwnSocket answers
   * a call whose row is about WebSockets.
   */
  answer(call: FaceCall): Own | undefined | Promise<Own | undefined>
  /** The answer to a call whose backend is not running; undefined: there is none. */
  standIn(call: FaceCall): Own | undefined | Promise<Own | undefined>
}

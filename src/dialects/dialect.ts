import type { DialectName, Workload } from '../config/config.js'
import type { EmptyForm } from './empty-answers.js'

/** What a probe's answer says of a backend: it can work, not yet, or it never will as it is. */
export type Readiness =
  | { readonly is: 'ready' }
  | { readonly is: 'not-yet'; readonly because: string }
  | { readonly is: 'wrong'; readonly because: string }

export interface ProbeReply {
  readonly status: number
  readonly body: string
}

/** How one kind of backend speaks and behaves; only facts and pure judgements. */
export interface Dialect {
  readonly name: DialectName
  /** GET this path to ask whether the backend can work. It must neither wait nor cost. */
  readonly probePath: string
  judge(reply: ProbeReply, serves: readonly Workload[]): Readiness
  /** Whether a connection may be used for a second request. */
  readonly keepsConnections: boolean
  /** Polite first, SIGKILL last; the time to stop is shared between the steps before the last. */
  readonly stopSignals: readonly NodeJS.Signals[]
  /** Whether a POST that it does not know waits for the work that is running there before it is refused. */
  readonly unknownPostsWait: boolean
  /** What ends a request there besides closing its connection: `genkey`, an abort that names the request's key. */
  readonly cancels: 'connection' | 'genkey'
  /** Whether it can do nothing else while it writes a reply, so that a slow client must not hold it up. */
  readonly locksWhileWriting: boolean
  /**
   * WebSockets: work that holds a lease as long as it is open; a line of news that outlives its lease; or none, so
   * that an offer of one is served as a plain request.
   */
  readonly webSockets: 'work' | 'news' | 'none'
  /** How its answers look that say all is well and have nothing in them, by the id of the call's row. */
  readonly emptyAnswers: ReadonlyMap<string, EmptyForm>
  /** Paths that this dialect knows under another name. */
  readonly rewrites: ReadonlyMap<string, string>
}

export const READY: Readiness = { is: 'ready' }

export function notYet(because: string): Readiness {
  return { is: 'not-yet', because }
}

export function wrong(because: string): Readiness {
  return { is: 'wrong', because }
}

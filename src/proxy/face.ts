import type { Match } from '../routing/match.js'

/** A whole answer of the gateway's own. */
export interface OwnAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What answers for all backends together; `front/` is one. */
export interface Face {
  /** The answer to a call that never goes to a backend; undefined: ask the backend that it is about, if that runs. */
  answer(match: Match): OwnAnswer | undefined
  /** The answer to a call whose backend is not running; undefined: there is none. */
  standIn(match: Match): OwnAnswer | undefined
}

import type { Pool } from '../backends/pool.js'
import type { Config } from '../config/config.js'
import type { FaceCall, OwnAnswer } from '../routing/face.js'
import type { FaceFacts } from './facts.js'
import type { Gatherer } from './gather.js'
import type { Live } from './live.js'

/** What the answers of the face are made from. */
export interface FaceContext {
  readonly config: Config
  /** What is configured, and what was heard of it last; the default backend of a workload first. */
  readonly facts: FaceFacts
  readonly pool: Pool
  /** Asks in the background, so that the next answer knows more. */
  readonly gatherer: Gatherer
  /** Answers of backends that run, where they come within milliseconds. */
  readonly live: Live
  /** When the gateway began, by `performance.now()`. */
  readonly startedMs: number
}

/** Answers one kind of call; undefined: the backend that it is about is asked, if that runs. */
export type Answer = (
  context: FaceContext,
  call: FaceCall,
) => OwnAnswer | undefined | Promise<OwnAnswer | undefined>

/** Answers by the id of the row of the built-in table. */
export type Answers = readonly (readonly [rowId: string, answer: Answer])[]

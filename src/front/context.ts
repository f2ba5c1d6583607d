import type { Pool } from '../backends/pool.js'
import type { Config } from '../config/config.js'
import type { Defaults } from '../routing/defaults.js'
import type { FaceCall, Own } from '../routing/face.js'
import type { Pictures } from './a1111-pictures.js'
import type { FaceFacts } from './facts.js'
import type { Gatherer } from './gather.js'
import type { Live } from './live.js'

/** What the answers of the face are made from. */
export interface FaceContext {
  readonly config: Config
  /** What is configured, and what was heard of it last; the default backend of a workload first. */
  readonly facts: FaceFacts
  readonly pool: Pool
  /** Which backends are the default of their workload now; may be changed. */
  readonly defaults: Defaults
  /** Asks in the background, so that the next answer knows more. */
  readonly gatherer: Gatherer
  /** Answers of backends that run, where they come within milliseconds. */
  readonly live: Live
  /** The pictures under way and kept, and how long they take. */
  readonly pictures: Pictures
  /** When the gateway began, by `performance.now()`. */
  readonly startedMs: number
}

/** Answers one kind of call; undefined: the backend that it is about is asked, if that runs. */
export type Answer = (
  context: FaceContext,
  call: FaceCall,
) => Own | undefined | Promise<Own | undefined>

/** Answers by the id of the row of the built-in table. */
export type Answers = readonly (readonly [rowId: string, answer: Answer])[]

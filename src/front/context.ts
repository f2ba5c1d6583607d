import type { Pool } from '../backends/pool.js'
import type { Config } from '../config/config.js'
import type { FaceCall, OwnAnswer } from '../routing/face.js'
import type { FaceFacts } from './answers.js'

/** What the answers of the face are made from. */
export interface FaceContext {
  readonly config: Config
  readonly facts: FaceFacts
  readonly pool: Pool
}

/** Answers one kind of call; undefined: the backend that it is about is asked, if that runs. */
export type Answer = (
  context: FaceContext,
  call: FaceCall,
) => OwnAnswer | undefined | Promise<OwnAnswer | undefined>

/** Answers by the id of the row of the built-in table. */
export type Answers = readonly (readonly [rowId: string, answer: Answer])[]

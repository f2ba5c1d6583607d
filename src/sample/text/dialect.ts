import type { TextResult } from './generate.js'
import type { JsonBody } from './job.js'

/** An answer to a text request that is not streamed. */
export interface WholeAnswer {
  readonly contentType: string
  readonly body: unknown
}

/** The events of one streamed text, in order; each string is one whole event. */
export interface EventShape {
  begin(): readonly string[]
  piece(text: string): readonly string[]
  end(result: TextResult): readonly string[]
}

/** One API's way to ask for text and to be told it. */
export interface Dialect {
  promptOf(body: JsonBody): string
  whole(result: TextResult, model: string, body: JsonBody): WholeAnswer
  /** The events to stream, or undefined where this request is answered whole. */
  events(model: string, body: JsonBody): EventShape | undefined
}

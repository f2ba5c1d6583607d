import type { GatehouseError } from '../errors.js'
import { isEventStream, type ReplyHead } from './reply-head.js'
import type { StreamFormat } from './stream-format.js'

/** The words of a held reply, and whether they make an answer that the caller's API knows as whole. */
export interface LastWords {
  readonly text: string
  readonly isWhole: boolean
}

/** How a client that waits is kept waiting, and how it is told afterwards what became of its request. */
export interface Waiting {
  readonly headers: Readonly<Record<string, string>>
  /** Means nothing to a client, but shows that its request lives. */
  readonly beat: string
  /** Whether a backend's answer with this head can be passed on below the status that was sent already. */
  takes(status: number, head: ReplyHead): boolean
  /** A backend's answer that cannot be. */
  refusal(body: Buffer): LastWords
  failure(error: GatehouseError): LastWords
}

export interface WaitingParts {
  readonly headers: Readonly<Record<string, string>>
  /** An error as the caller's API answers it whole. */
  errorBody(error: GatehouseError): string
  /** What an answer that was no use is told as. */
  readonly upstreamError: GatehouseError
}

const MAX_WORDS = 1_000
/** What asks for text may get it with white space in front; an event stream must begin with its first event. */
const MAY_FOLLOW_SPACE = /json|^text\/(?!event-stream)/

/** An event stream is kept open with comment lines, which every parser of event streams skips. */
export function waitForEvents(parts: WaitingParts, format: StreamFormat | undefined): Waiting {
  const tell = (error: GatehouseError, body: string): LastWords => {
    const event = format?.errorEvent(error, body)
    return event === undefined
      ? { text: comment(error.message), isWhole: false }
      : { text: event, isWhole: true }
  }
  return {
    headers: {
      ...parts.headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    },
    beat: ': waiting\n\n',
    takes: (status, { contentType, isPacked }) =>
      status === 200 && isEventStream(contentType) && !isPacked,
    refusal: (body) => {
      const said = jsonOf(body)
      const { upstreamError: error } = parts
      if (said !== undefined && isError(said)) return tell(error, JSON.stringify(said))
      // In a form of its own: nobody's program would take it for an error, but a person may read it.
      const words = said === undefined ? '' : comment(JSON.stringify(said).slice(0, MAX_WORDS))
      const { text, isWhole } = tell(error, parts.errorBody(error))
      return { text: words + text, isWhole }
    },
    failure: (error) => tell(error, parts.errorBody(error)),
  }
}

/** JSON may have any white space in front. */
export function waitForJson(parts: WaitingParts): Waiting {
  return {
    headers: { ...parts.headers, 'content-type': 'application/json' },
    beat: ' ',
    takes: (status, { contentType, isPacked }) =>
      status < 300 && MAY_FOLLOW_SPACE.test(contentType) && !isPacked,
    refusal: (body) => {
      const said = jsonOf(body)
      const text = said === undefined ? parts.errorBody(parts.upstreamError) : JSON.stringify(said)
      return { text, isWhole: true }
    },
    failure: (error) => ({ text: parts.errorBody(error), isWhole: true }),
  }
}

/** Undefined: the backend answered something else, such as a page. */
function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

/** Whether it has the form in which the APIs that stream errors answer them. */
function isError(said: unknown): boolean {
  return typeof said === 'object' && said !== null && 'error' in said
}

function comment(text: string): string {
  return `: ${text.replace(/\s+/g, ' ')}\n\n`
}

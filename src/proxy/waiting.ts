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

/** An event stream is kept open with comment lines, which every parser of event streams skips. */
export function waitForEvents(parts: WaitingParts, format: StreamFormat | undefined): Waiting {
  const tell = (error: GatehouseError, body: string): LastWords => {
    const event = format?.errorEvent(error, body)
    if (event !== undefined) return { text: event, isWhole: true }
    return { text: `: ${oneLine(error.message)}\n\n`, isWhole: false }
  }
  return {
    headers: {
      ...parts.headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    },
    beat: ': waiting\n\n',
    takes: (status, { contentType }) => status === 200 && isEventStream(contentType),
    refusal: (body) =>
      tell(parts.upstreamError, jsonOf(body) ?? parts.errorBody(parts.upstreamError)),
    failure: (error) => tell(error, parts.errorBody(error)),
  }
}

/** JSON may have any white space in front. */
export function waitForJson(parts: WaitingParts): Waiting {
  return {
    headers: { ...parts.headers, 'content-type': 'application/json' },
    beat: ' ',
    takes: (status, { contentType }) => status < 300 && contentType.includes('json'),
    refusal: (body) => ({
      text: jsonOf(body) ?? parts.errorBody(parts.upstreamError),
      isWhole: true,
    }),
    failure: (error) => ({ text: parts.errorBody(error), isWhole: true }),
  }
}

/** The body on one line, if it is JSON. */
function jsonOf(body: Buffer): string | undefined {
  try {
    return JSON.stringify(JSON.parse(body.toString('utf8')))
  } catch {
    return undefined // the backend answered something else, such as a page
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}

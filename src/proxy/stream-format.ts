import type { GatehouseError } from '../errors.js'

/** How one API streams text: what the end of a whole stream looks like, and how it tells of an error. */
export interface StreamFormat {
  /** Whether a piece of a stream says that it has ended, or goes on; undefined: it says nothing of it. */
  isEnd(piece: string): boolean | undefined
  /** Matches what a stream ends with that is whole; a mark that is itself cut off is none. */
  readonly last: RegExp
  /** Matches the end of what is a whole event. */
  readonly boundary: RegExp
  /** An error as an event; `body` is the error as that API answers it whole. Undefined: the API has no such event. */
  errorEvent(error: GatehouseError, body: string): string | undefined
}

// Line breaks and quotes within a JSON text are escaped, so a bare one is the stream's own.
// Older KoboldCpp write the text "null" into the events that are not the last (kobold-observed 5).
const FINISH_REASON = /"finish_reason"\s*:\s*"(?!null")[^"]+"/
const DONE = /\ndata: ?\[DONE\]/
const RESPONSE_END = /\nevent: ?response\.(?:completed|failed|incomplete)\b/
const MESSAGE_STOP = /\nevent: ?message_stop\b/
const OLLAMA_DONE = /"done"\s*:\s*(?:true|false)/g

const BLANK_LINE = /\n\r?\n$/
/** Servers leave out the last line break. */
const LINE_OR_OBJECT = /[\n}]$/

const kobold: StreamFormat = {
  isEnd: (piece) => FINISH_REASON.test(piece) || undefined,
  last: LINE_OR_OBJECT,
  boundary: BLANK_LINE,
  errorEvent: () => undefined,
}

/** A server that leaves `[DONE]` out has still told the reason of the end. */
const openai: StreamFormat = {
  isEnd: (piece) => FINISH_REASON.test(piece) || DONE.test(piece) || undefined,
  last: /(?:\n|\[DONE\])$/,
  boundary: BLANK_LINE,
  errorEvent: (_error, body) => `data: ${body}\n\n`,
}

const responses: StreamFormat = {
  isEnd: (piece) => RESPONSE_END.test(piece) || undefined,
  last: BLANK_LINE, // the name of an event stands before its data
  boundary: BLANK_LINE,
  errorEvent: ({ code, message }) => {
    const data = JSON.stringify({ type: 'error', code, message, param: null })
    return `event: error\ndata: ${data}\n\n`
  },
}

const anthropic: StreamFormat = {
  isEnd: (piece) => MESSAGE_STOP.test(piece) || undefined,
  last: BLANK_LINE,
  boundary: BLANK_LINE,
  errorEvent: (_error, body) => `event: error\ndata: ${body}\n\n`,
}

/** Lines of JSON, whatever their content type says. */
const ollama: StreamFormat = {
  // The arguments of a tool may hold the same words; the line's own come after them.
  isEnd: (piece) => {
    const found = piece.match(OLLAMA_DONE)?.at(-1)
    return found === undefined ? undefined : found.endsWith('true')
  },
  last: LINE_OR_OBJECT,
  boundary: /\n$/,
  errorEvent: (_error, body) => `${body}\n`,
}

const FORMATS: ReadonlyMap<string, StreamFormat> = new Map([
  ['generate-stream', kobold],
  ['completions', openai],
  ['chat-completions', openai],
  ['responses', responses],
  ['messages', anthropic],
  ['ollama-generate', ollama],
  ['ollama-chat', ollama],
])

/** How the calls of this row of the built-in table are streamed; undefined: that is not known. */
export function streamFormat(rowId: string): StreamFormat | undefined {
  return FORMATS.get(rowId)
}

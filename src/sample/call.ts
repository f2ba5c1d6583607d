import type { Engine } from './engine.js'
import type { Reply } from './reply.js'
import type { WireRequest } from './request.js'
import type { JsonBody } from './text/job.js'

/** One request with its reply and the engine that answers it. */
export interface Call {
  readonly request: WireRequest
  readonly reply: Reply
  readonly engine: Engine
}

/** Resolves when the answer has left. */
export type Handler = (call: Call) => Promise<void>

/** Thrown where KoboldCpp answers 500 "Error parsing input.". */
export class BadInput extends Error {}

/** Thrown where KoboldCpp hangs up without an answer. */
export class HangUp extends Error {}

/** Reads the body as a JSON object, whatever its content type says. Throws BadInput or HangUp. */
export function jsonBody({ request }: Call): JsonBody {
  const value = parse(request.body)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new HangUp('the body is JSON but no object')
  return { ...value }
}

/** Reads the body as a JSON object, or as an empty one where KoboldCpp does not mind. */
export function lenientBody(call: Call): JsonBody {
  try {
    return jsonBody(call)
  } catch {
    // These endpoints take any body at all, so what cannot be read counts as none.
    return {}
  }
}

/** Returns a handler that answers with the same kind of JSON whoever asks. */
export function json(answer: (engine: Engine) => unknown): Handler {
  return ({ reply, engine }) => reply.json(answer(engine))
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw new BadInput('the body is not JSON', { cause })
  }
}

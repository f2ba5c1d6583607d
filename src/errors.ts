/**
 * Every error the gateway can answer with: a fixed text in which `{name}` is filled in, and the HTTP status.
 * A text is for the person at the client: no address, path or secret may be filled into it.
 */
const ERRORS = {
  GATEHOUSE_BAD_PATH: [400, 'The path of this request is not valid.'],
  GATEHOUSE_BAD_REQUEST: [400, 'This request is not valid HTTP.'],
  GATEHOUSE_BAD_EXPECTATION: [417, 'Gatehouse knows no expectation but 100-continue.'],
  GATEHOUSE_NO_TUNNEL: [405, 'Gatehouse is no proxy to other hosts, and opens no tunnels.'],
  GATEHOUSE_URL_TOO_LONG: [414, 'The URL of this request is too long.'],
  GATEHOUSE_HEADER_TOO_LARGE: [431, 'The head of this request is too big.'],
  GATEHOUSE_REQUEST_TIMEOUT: [408, 'This request did not arrive in time.'],
  GATEHOUSE_NO_ROUTE: [404, 'Nothing here answers this path. Please check the URL.'],
  GATEHOUSE_CROSS_SITE: [
    403,
    'This call is for the pages of Gatehouse itself, not for other sites.',
  ],
  GATEHOUSE_NOT_SERVED: [404, 'No backend here serves {workload}. Add one to routes.json.'],
  GATEHOUSE_NOT_RUNNING: [
    503,
    'The {backend} backend is not running, and this call does not start it.',
  ],
  GATEHOUSE_BUSY: [503, 'The {backend} backend is busy, and this call does not wait.'],
  GATEHOUSE_BODY_TOO_LARGE: [413, 'The body of this request is too big. The limit is {limit}.'],
  GATEHOUSE_LANE_FULL: [
    503,
    'Too many requests wait for the {backend} backend already; please try again later.',
  ],
  GATEHOUSE_START_FAILED: [502, 'The {backend} backend could not start: {reason}.'],
  GATEHOUSE_BACKING_OFF: [
    503,
    'The {backend} backend failed and is tried again in {seconds} s. The last failure: {reason}.',
  ],
  GATEHOUSE_NO_MEMORY: [
    503,
    'There was no memory for the {backend} backend in time: {holders}. Please try again later.',
  ],
  GATEHOUSE_OUT_OF_MEMORY: [
    503,
    'The {backend} backend ran out of memory when it started, also with all the room that could be made: {holders}.',
  ],
  GATEHOUSE_UNREACHABLE: [502, 'The {backend} backend does not answer.'],
  GATEHOUSE_UPSTREAM_FAILED: [502, 'The {backend} backend ended before it answered.'],
  GATEHOUSE_UPSTREAM_BROKEN: [502, 'The {backend} backend broke off its answer.'],
  GATEHOUSE_EMPTY_ANSWER: [
    502,
    'The {backend} backend had no result for this request: it has no model loaded for it, or refused what it was given.',
  ],
  GATEHOUSE_UPSTREAM_TIMEOUT: [504, 'The {backend} backend did not answer in time.'],
  GATEHOUSE_RETIRED: [503, 'The {backend} backend was taken out of routes.json.'],
  GATEHOUSE_OVERLOADED: [503, 'Gatehouse has too much to do right now; please try again later.'],
  GATEHOUSE_STOPPING: [503, 'Gatehouse is shutting down.'],
  GATEHOUSE_ABORTED: [499, 'This request was aborted by its client.'],
  GATEHOUSE_CLIENT_GONE: [499, 'The client left before the answer.'],
  GATEHOUSE_INTERNAL: [500, 'Gatehouse failed to handle this request; the log says why.'],
} as const satisfies Record<string, readonly [number, string]>

export type ErrorCode = keyof typeof ERRORS

export interface ErrorFacts {
  /** What fills the `{name}` places of the text. */
  readonly values?: Readonly<Record<string, string | number>>
  readonly retryAfterSeconds?: number
  readonly cause?: unknown
}

/** An error with a code from the list above; its message may be shown to the client as it is. */
export class GatehouseError extends Error {
  override readonly name = 'GatehouseError'
  readonly code: ErrorCode
  readonly statusCode: number
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, facts: ErrorFacts = {}) {
    const [status, text] = ERRORS[code]
    const values = facts.values ?? {}
    const message = text.replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place))
    super(message, 'cause' in facts ? { cause: facts.cause } : undefined)
    this.code = code
    this.statusCode = status
    this.retryAfterSeconds = facts.retryAfterSeconds
  }
}

/** The list as rows of code, status and text, for docs/errors.md and its test. */
export function errorTable(): { code: string; status: number; text: string }[] {
  return Object.entries(ERRORS).map(([code, [status, text]]) => ({ code, status, text }))
}

/** An unknown thrown thing as one of ours. */
export function asGatehouseError(error: unknown): GatehouseError {
  return error instanceof GatehouseError
    ? error
    : new GatehouseError('GATEHOUSE_INTERNAL', { cause: error })
}

/** Whether an unknown thrown thing is ours and carries this code. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof GatehouseError && error.code === code
}

import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { normalisePath } from './config/normalise-path.js'
import { type ErrorCode, GatehouseError } from './errors.js'
import { CORS_HEADERS } from './front/cors.js'
import { escapeHtml } from './front/html.js'
import { findRow } from './routing/find-row.js'
import type { Caller } from './routing/row.js'

/** How long a client that still sends may go on until its connection is cut: a reset would take our answer from it. */
const LINGER_MS = 2_000

/** After these, nobody can be sure where the next request begins, or the client is not worth a connection. */
const LAST_ANSWERS: ReadonlySet<ErrorCode> = new Set([
  'GATEHOUSE_BAD_REQUEST',
  'GATEHOUSE_BAD_EXPECTATION',
  'GATEHOUSE_URL_TOO_LONG',
  'GATEHOUSE_HEADER_TOO_LARGE',
  'GATEHOUSE_REQUEST_TIMEOUT',
])

type Render = (error: GatehouseError) => unknown

/** How each kind of client expects to be told of an error. */
const RENDERERS: Record<Caller, Render> = {
  kobold: (error) => ({
    detail: { msg: error.message, type: koboldType(error.statusCode), code: error.code },
  }),
  openai: (error) => ({
    error: {
      message: error.message,
      type: error.statusCode < 500 ? 'invalid_request_error' : 'server_error',
      param: null,
      code: error.code,
    },
  }),
  anthropic: (error) => ({
    type: 'error',
    error: { type: anthropicType(error.statusCode), message: error.message },
  }),
  ollama: (error) => ({ error: error.message }),
  a1111: (error) => ({
    error: error.code,
    detail: error.message,
    body: '',
    errors: error.message,
  }),
  comfyui: (error) => ({
    error: { type: error.code, message: error.message, details: '', extra_info: {} },
    node_errors: {},
  }),
  xtts: (error) => ({ detail: error.message }),
}

const ALLOWED = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/** A method and a target of which nobody has seen the end. */
const UNENDED_LINE = /^[A-Z]+ [^\s]+$/

interface ClientError extends NodeJS.ErrnoException {
  /** What the parser was given last: a Buffer, whatever Fastify's types say. */
  readonly rawPacket?: unknown
  /** How much of that the parser had read. */
  readonly bytesParsed?: number
}

/** An error as JSON in the caller's dialect. */
export function errorBody(error: GatehouseError, caller: Caller): string {
  return JSON.stringify(RENDERERS[caller](error))
}

/** Answers with an error in the caller's dialect; the only place that does. */
export function replyWithError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const error = asGatehouseError(thrown)
  if (error.code === 'GATEHOUSE_INTERNAL') request.log.error({ err: thrown }, error.message)
  reply.status(error.statusCode).headers(CORS_HEADERS)
  if (LAST_ANSWERS.has(error.code)) reply.header('connection', 'close')
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds)
  if (wantsPage(request)) {
    void reply.type('text/html; charset=utf-8').send(page(error))
  } else {
    void reply.type('application/json').send(errorBody(error, callerOf(request)))
  }
}

/** Answers bytes that are no request, after what is being answered to those before them, and ends the connection. */
export function replyToClientError(thrown: ClientError, socket: Socket): void {
  // A browser opens connections ahead: an error on one that it never used would be taken for its next answer.
  const neverUsed = thrown.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0
  if (neverUsed || thrown.code === 'ECONNRESET') socket.destroy()
  else endWith(new GatehouseError(clientErrorCode(thrown)), socket)
}

/** Refuses CONNECT, with whose head Node hands the connection over. */
export function refuseTunnel(_request: unknown, socket: Socket): void {
  socket.on('error', () => socket.destroy())
  socket.resume() // so that it is noticed when the client leaves
  endWith(new GatehouseError('GATEHOUSE_NO_TUNNEL'), socket)
}

/** Connections that end with an error; the parser repeats its complaint with all that still comes. */
const ending = new WeakSet<Socket>()

function endWith(error: GatehouseError, socket: Socket): void {
  if (ending.has(socket)) return
  ending.add(socket)
  const running = runningReply(socket)
  if (running?.req.complete) running.once('finish', () => endNextWith(error, socket))
  // Nothing fits into the midst of an answer whose own request turns out to be broken.
  else if (running?.headersSent) socket.destroy()
  else endNow(error, socket)
}

/** Requests that came before may wait for their answers still. */
function endNextWith(error: GatehouseError, socket: Socket): void {
  ending.delete(socket)
  endWith(error, socket)
}

/** Node itself looks there before it answers bytes that are no request, and tells it nowhere else. */
function runningReply(socket: Socket): ServerResponse | undefined {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined
}

function endNow(error: GatehouseError, socket: Socket): void {
  if (!socket.writable) return // its last answer ends it
  const body = errorBody(error, 'kobold')
  const head = [
    `HTTP/1.1 ${error.statusCode} ${STATUS_CODES[error.statusCode]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    ...(error.statusCode === 405 ? [`allow: ${ALLOWED}`] : []),
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref()
  socket.once('close', () => clearTimeout(cut))
}

function clientErrorCode({ code, rawPacket, bytesParsed }: ClientError): ErrorCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'GATEHOUSE_REQUEST_TIMEOUT'
  if (code !== 'HPE_HEADER_OVERFLOW') return 'GATEHOUSE_BAD_REQUEST'
  return Buffer.isBuffer(rawPacket) &&
    UNENDED_LINE.test(rawPacket.toString('latin1', 0, bytesParsed))
    ? 'GATEHOUSE_URL_TOO_LONG'
    : 'GATEHOUSE_HEADER_TOO_LARGE'
}

function asGatehouseError(thrown: unknown): GatehouseError {
  if (thrown instanceof GatehouseError) return thrown
  const status = (thrown as Partial<FastifyError> | undefined)?.statusCode ?? 500
  const code = status < 500 ? 'GATEHOUSE_BAD_REQUEST' : 'GATEHOUSE_INTERNAL'
  return new GatehouseError(code, { cause: thrown })
}

function callerOf({ method, raw, headers }: FastifyRequest): Caller {
  const path = normalisePath(raw.url ?? '') ?? '/'
  const row = findRow({ method, path, headers })
  if (!row.fallback) return row.caller
  if (path.startsWith('/v1/')) return 'openai'
  return path.startsWith('/sdapi/') ? 'a1111' : 'kobold'
}

/** A browser that opens an address names HTML first; fetch and scripts name it nowhere or behind. */
function wantsPage({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && (headers.accept ?? '').startsWith('text/html')
}

function page(error: GatehouseError): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Gatehouse: ${error.statusCode}</title>
<style>body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>${error.statusCode}</h1>
<p>${escapeHtml(error.message)}</p>
<p><code>${error.code}</code></p>
</html>
`
}

/** KoboldAI Lite looks at `service_unavailable`: it shows the text and offers to abort. */
function koboldType(status: number): string {
  if (status === 503) return 'service_unavailable'
  if (status === 404) return 'not_found'
  return status < 500 ? 'bad_input' : 'server_error'
}

function anthropicType(status: number): string {
  if (status === 404) return 'not_found_error'
  if (status === 413) return 'request_too_large'
  if (status === 503) return 'overloaded_error'
  return status < 500 ? 'invalid_request_error' : 'api_error'
}

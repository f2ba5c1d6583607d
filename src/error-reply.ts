import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { normalisePath } from './config/normalise-path.js'
import { type ErrorCode, GatehouseError } from './errors.js'
import { CORS_HEADERS } from './front/cors.js'
import { findRow } from './routing/find-row.js'
import type { Caller } from './routing/row.js'

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

/** Answers with an error in the caller's dialect; the only place that does. */
export function replyWithError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const error = asGatehouseError(thrown)
  if (error.code === 'GATEHOUSE_INTERNAL') request.log.error({ err: thrown }, error.message)
  reply.status(error.statusCode).headers(CORS_HEADERS)
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds)
  if (wantsPage(request)) {
    void reply.type('text/html; charset=utf-8').send(page(error))
  } else {
    void reply.type('application/json').send(JSON.stringify(RENDERERS[callerOf(request)](error)))
  }
}

/** Answers bytes that are no request, and ends their connection. */
export function replyToClientError(thrown: NodeJS.ErrnoException, socket: Socket): void {
  // A browser opens connections ahead: an error on one that it never used would be taken for its next answer.
  const neverUsed = thrown.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0
  if (neverUsed || thrown.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const error = new GatehouseError(CLIENT_ERRORS[thrown.code ?? ''] ?? 'GATEHOUSE_BAD_REQUEST')
  const body = JSON.stringify(RENDERERS.kobold(error))
  const head = [
    `HTTP/1.1 ${error.statusCode} ${STATUS_CODES[error.statusCode]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

const CLIENT_ERRORS: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'GATEHOUSE_HEADER_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'GATEHOUSE_REQUEST_TIMEOUT',
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

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
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

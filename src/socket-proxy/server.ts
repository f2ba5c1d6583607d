import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { type Allowed, isLabelled, judge, type Label } from './rules.js'
import { shownContainer, shownList } from './shown.js'
import { ask, askForJson } from './upstream.js'

export interface SocketProxyParts {
  /** The engine's own socket. */
  readonly socketPath: string
  readonly label: Label
  /** Told of every call that was refused. */
  readonly onRefusal: (call: string, why: string) => void
}

interface Visit {
  readonly request: IncomingMessage
  readonly reply: ServerResponse
}

type Json = Readonly<Record<string, unknown>>

/**
 * An HTTP server, unlistened, that lets its clients look at, start, stop and read the output of labelled containers,
 * and nothing else. Nothing that a client writes reaches the engine but an id, a label to look for and known parameters.
 */
export function createSocketProxy(parts: SocketProxyParts): Server {
  const server = createServer((request, reply) => {
    const visit = { request, reply }
    serve(visit, parts).catch((error) => fail(visit, error))
  })
  server.on('connect', (_request, socket) => socket.destroy())
  return server
}

async function serve(visit: Visit, parts: SocketProxyParts): Promise<void> {
  const { method = '', url = '' } = visit.request
  visit.request.resume() // no call that is let through has a body that means anything
  const allowed = judge(method, url, parts.label)
  if (!allowed) return refuse(visit, parts, 'this call is not one of those that are let through')
  if (allowed.kind === 'ping') return pass(visit, parts, '/_ping')
  if (allowed.kind === 'list') return list(visit, parts, allowed)
  return use(visit, parts, allowed)
}

async function list(
  { reply }: Visit,
  { socketPath, label }: SocketProxyParts,
  { version, query }: Allowed & { kind: 'list' },
): Promise<void> {
  const { status, body } = await askForJson(socketPath, `${version}/containers/json?${query}`)
  answer(reply, status, Array.isArray(body) ? shownList(body, label) : body)
}

/** The engine is asked first whose label it is, and told the id that it answered: a name may change its bearer. */
async function use(
  visit: Visit,
  parts: SocketProxyParts,
  { version, container, verb, query }: Allowed & { kind: 'container' },
): Promise<void> {
  const { socketPath, label } = parts
  const { status, body } = await askForJson(socketPath, `${version}/containers/${container}/json`)
  if (status !== 200) return answer(visit.reply, status, body)
  const { Id: id, Config: config } = body as { Id: string; Config: Json }
  if (!isLabelled(config.Labels, label)) {
    return refuse(visit, parts, `the container has no label ${label.name}`)
  }
  if (verb === 'json') return answer(visit.reply, 200, shownContainer(body as Json, label))
  return pass(visit, parts, `${version}/containers/${id}/${verb}?${query}`)
}

/** Sends the call on and the reply back, as it comes. */
async function pass({ request, reply }: Visit, parts: SocketProxyParts, path: string) {
  const answered = await ask(parts.socketPath, request.method ?? 'GET', path)
  const { 'content-type': type, 'api-version': api } = answered.headers
  reply.writeHead(answered.statusCode ?? 502, {
    ...(type !== undefined && { 'content-type': type }),
    ...(api !== undefined && { 'api-version': api }),
  })
  reply.flushHeaders()
  await pipeline(answered, reply)
}

function refuse({ request, reply }: Visit, parts: SocketProxyParts, why: string): void {
  parts.onRefusal(`${request.method} ${request.url}`, why)
  answer(reply, 403, { message: `refused by the socket proxy: ${why}` })
}

function answer(reply: ServerResponse, status: number, body: unknown): void {
  reply.writeHead(status, { 'content-type': 'application/json' })
  reply.end(JSON.stringify(body))
}

function fail({ reply }: Visit, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  if (reply.headersSent) reply.destroy()
  else answer(reply, 502, { message: `the engine cannot be reached: ${message}` })
}

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'

/** A request as such a server got it. */
export interface Asked {
  readonly method: string
  /** Without what stands behind the question mark. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** The members of a JSON body; throws where it is none. */
  json<T = Readonly<Record<string, unknown>>>(): T
  /** Resolves when the connection of its reply is closed. */
  readonly closed: Promise<unknown>
}

/** An object is sent as JSON, a text as an event stream, bytes as a PNG; undefined: the answer never comes. */
export type Said = object | string | undefined
export type Script = Readonly<Record<string, Said | ((asked: Asked) => Said)>>

export interface OtherServer {
  readonly url: string
  /** What clients asked it. */
  readonly asked: Asked[]
  /** The paths that the gateway asked for itself, but for its probes. */
  readonly looked: string[]
  /** What clients asked it by this method, as `METHOD /path`. */
  calls(method?: string): string[]
}

/**
 * A server of some other make, on HTTP/1.1 with connections that are kept: it knows the calls of its script, by
 * `METHOD /path`, and says 404 to all else. `upgrade` takes its WebSockets.
 */
export async function startOther(
  t: Test,
  script: Script,
  upgrade?: (request: IncomingMessage, socket: Duplex) => void,
): Promise<OtherServer> {
  const [asked, looked]: [Asked[], string[]] = [[], []]
  const server = createServer(async (request, reply) => {
    const one = await readAsked(request, reply)
    const agent = request.headers['user-agent']
    if (agent === 'gatehouse') looked.push(one.path)
    else if (agent !== undefined) asked.push(one)
    const key = `${one.method} ${one.path}`
    if (!Object.hasOwn(script, key)) return void reply.writeHead(404).end('{"error":"not found"}')
    const said = script[key]
    say(reply, typeof said === 'function' ? said(one) : said)
  })
  if (upgrade) server.on('upgrade', upgrade)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const calls = (wanted?: string) =>
    asked.flatMap(({ method, path }) =>
      wanted === undefined || method === wanted ? [`${method} ${path}`] : [],
    )
  return { url: `http://127.0.0.1:${port}`, asked, looked, calls }
}

async function readAsked(request: IncomingMessage, reply: ServerResponse): Promise<Asked> {
  const { method = '', url = '', headers } = request
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks).toString('latin1')
  const { pathname, searchParams } = new URL(url, 'http://any')
  return {
    ...{ method, path: pathname, query: searchParams, headers, body },
    json: <T>() => JSON.parse(body) as T,
    closed: once(reply, 'close'),
  }
}

function say(reply: ServerResponse, said: Said): void {
  if (said === undefined) return
  const [type, body] =
    said instanceof Uint8Array
      ? ['image/png', said]
      : typeof said === 'string'
        ? ['text/event-stream', said]
        : ['application/json', JSON.stringify(said)]
  reply.writeHead(200, { 'content-type': type }).end(body)
}

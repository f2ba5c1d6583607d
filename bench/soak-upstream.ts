/** The backend of `soak`, as its own process: `soak-upstream.ts PORT`. The last part of a path says what is wanted. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const EVENTS = 40
const PACE_MS = 50
const PIECE = Buffer.alloc(64 * 1024, 'x')
const SERVES: Record<string, (request: IncomingMessage, reply: ServerResponse) => unknown> = {
  version: (_request, reply) => reply.end('{"result":"KoboldCpp","version":"1.0","llm":true}'),
  stats: (_request, reply) => reply.end(JSON.stringify(stats)),
  up,
  down,
  events,
  race,
  completions: race,
}
/** The reply that each connection had last. */
const latest = new WeakMap<Socket, ServerResponse>()
const stats = { sentBytes: 0 }

const server = createServer((request, reply) => {
  const { pathname } = new URL(request.url ?? '', 'http://nowhere')
  const serve = SERVES[pathname.slice(pathname.lastIndexOf('/') + 1)]
  if (serve) serve(request, reply)
  else request.resume().on('end', () => reply.end('{}'))
})
server.keepAliveTimeout = 5_000
server.listen(Number(process.argv[2]), '127.0.0.1')

async function up(request: IncomingMessage, reply: ServerResponse): Promise<void> {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await once(request, 'end')
  reply.end(String(bytes))
}

/** As fast as it is taken; `stats` tells how much was. */
async function down(request: IncomingMessage, reply: ServerResponse): Promise<void> {
  const { searchParams } = new URL(request.url ?? '', 'http://nowhere')
  const length = Number(searchParams.get('bytes'))
  Object.assign(stats, searchParams.has('count') ? {} : { sentBytes: 0 })
  reply.writeHead(200, { 'content-length': length, connection: 'close' })
  for (let left = length; left > 0 && !reply.destroyed; left -= PIECE.length) {
    const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE
    if (!reply.write(piece)) await Promise.race([once(reply, 'drain'), once(reply, 'close')])
    stats.sentBytes += piece.length
  }
  reply.end()
}

function events(_request: IncomingMessage, reply: ServerResponse): void {
  reply.writeHead(200, { 'content-type': 'text/event-stream', connection: 'close' })
  let sent = 0
  const timer = setInterval(() => {
    sent += 1
    if (sent > EVENTS) reply.end('data: [DONE]\n\n')
    else reply.write(`data: {"at":${sent}}\n\n`)
  }, PACE_MS)
  reply.once('close', () => clearInterval(timer))
}

/** Ends two of three kept connections behind the reply, at once or a moment later, in order or by a reset. */
function race(request: IncomingMessage, reply: ServerResponse): void {
  const { socket } = request
  latest.set(socket, reply)
  request.resume().once('end', () => reply.end('ok'))
  if (Math.random() < 1 / 3) return
  reply.once('finish', () => {
    setTimeout(() => {
      if (latest.get(socket) !== reply) return
      if (socket.readableEnded || Math.random() < 1 / 2) socket.end()
      else socket.resetAndDestroy()
    }, Math.random() * 3)
  })
}

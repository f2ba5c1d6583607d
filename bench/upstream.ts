/** The backend of every measurement, as its own process: `upstream.ts PORT keep-alive|close`. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

const [port, manner] = process.argv.slice(2)
const JSON_BODIES = new Map([
  ['/v1/completions', JSON.stringify({ id: 'bench', choices: [{ text: 'x'.repeat(162) }] })],
  ['/health', '{"status":"ok"}'],
  ['/api/extra/version', '{"result":"KoboldCpp","version":"1.0","llm":true}'],
])

const PIECE = Buffer.alloc(64 * 1024, 'x')

const server = createServer((request, reply) => {
  if (manner === 'close') reply.setHeader('connection', 'close')
  if (request.url?.endsWith('/up')) return swallow(request, reply)
  request.resume().once('end', () => answer(request, reply))
})
server.listen(Number(port), '127.0.0.1')

function answer({ url = '', headers }: IncomingMessage, reply: ServerResponse): void {
  const body = JSON_BODIES.get(url)
  if (body !== undefined) json(reply, body)
  else if (url === '/v1/chat/completions')
    stream(reply, Number(headers['x-events']), Number(headers['x-pace-ms']))
  else if (url.startsWith('/down')) pour(reply, Number(/bytes=(\d+)/.exec(url)?.[1]))
  else reply.writeHead(404).end()
}

/** Answers how many bytes came. */
function swallow(request: IncomingMessage, reply: ServerResponse): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  request.once('end', () => json(reply, String(bytes)))
}

function pour(reply: ServerResponse, bytes: number): void {
  reply.writeHead(200, { 'content-length': bytes })
  let left = bytes
  const write = () => {
    while (left > 0) {
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE
      left -= piece.length
      if (!reply.write(piece)) return void reply.once('drain', write)
    }
    reply.end()
  }
  write()
}

function json(reply: ServerResponse, body: string): void {
  reply.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  reply.end(body)
}

function stream(reply: ServerResponse, events: number, paceMs: number): void {
  reply.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  let sent = 0
  let stop = () => {}
  const send = () => {
    const hasRoom = reply.write(`data: {"text":" token","at":${process.hrtime.bigint()}}\n\n`)
    sent += 1
    if (sent === events) {
      stop()
      reply.end()
    } else if (paceMs === 0) {
      // Each event in a turn of its own, as a fast model would send them.
      if (hasRoom) setImmediate(send)
      else reply.once('drain', send)
    }
  }
  if (paceMs > 0) {
    const timer = setInterval(send, paceMs)
    stop = () => clearInterval(timer)
    reply.once('close', stop)
  }
  send()
}

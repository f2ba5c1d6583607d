/** The backend of every measurement, as its own process: `upstream.ts PORT keep-alive|close`. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { EVENTS, PACE_MS } from './event-times.js'

const [port, manner] = process.argv.slice(2)
const JSON_BODIES = new Map([
  ['/v1/completions', JSON.stringify({ id: 'bench', choices: [{ text: 'x'.repeat(162) }] })],
  ['/health', '{"status":"ok"}'],
  ['/api/extra/version', '{"result":"KoboldCpp","version":"1.0","llm":true}'],
])

const server = createServer((request, reply) => {
  if (manner === 'close') reply.setHeader('connection', 'close')
  request.resume().once('end', () => answer(request, reply))
})
server.listen(Number(port), '127.0.0.1')

function answer({ url = '' }: IncomingMessage, reply: ServerResponse): void {
  const body = JSON_BODIES.get(url)
  if (body !== undefined) json(reply, body)
  else if (url === '/v1/chat/completions') stream(reply)
  else reply.writeHead(404).end()
}

function json(reply: ServerResponse, body: string): void {
  reply.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  reply.end(body)
}

function stream(reply: ServerResponse): void {
  reply.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  let sent = 0
  const send = () => {
    reply.write(`data: {"text":" token","at":${process.hrtime.bigint()}}\n\n`)
    sent += 1
    if (sent < EVENTS) return
    clearInterval(timer)
    reply.end()
  }
  const timer = setInterval(send, PACE_MS)
  reply.once('close', () => clearInterval(timer))
  send()
}

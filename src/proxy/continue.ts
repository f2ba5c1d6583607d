import type { IncomingMessage, Server, ServerResponse } from 'node:http'

type Handle = (raw: IncomingMessage, reply: ServerResponse) => void

/** The replies to requests whose clients wait for leave to send the body. */
const waiting = new WeakMap<IncomingMessage, ServerResponse>()

/**
 * Lets requests that expect something through like any other, instead of Node's answers in advance: `100 Continue`
 * comes when the body is wanted, and the head check refuses what else is expected.
 */
export function takeExpectations(server: Server): void {
  const handle: Handle = (raw, reply) => void server.emit('request', raw, reply)
  server.on('checkContinue', (raw, reply) => {
    waiting.set(raw, reply)
    handle(raw, reply)
  })
  server.on('checkExpectation', handle)
}

/** Tells a client that waits for it to send its body now; to be called by whoever is about to read it. */
export function sendContinue(raw: IncomingMessage): void {
  if (raw.headers.expect === undefined) return
  waiting.get(raw)?.writeContinue()
  waiting.delete(raw)
}

import { type IncomingMessage, request } from 'node:http'

/** What the engine answered. */
export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** Sends a call without a body to the engine and resolves with the head of its reply. */
export function ask(socketPath: string, method: string, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, agent: false }, resolve)
    call.once('error', reject)
    call.end()
  })
}

/** The whole JSON that the engine answers with. */
export async function askForJson(socketPath: string, path: string): Promise<Answer> {
  const reply = await ask(socketPath, 'GET', path)
  const parts: Buffer[] = []
  for await (const part of reply) parts.push(part)
  return { status: reply.statusCode ?? 502, body: JSON.parse(Buffer.concat(parts).toString()) }
}

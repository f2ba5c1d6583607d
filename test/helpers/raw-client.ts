import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A client that writes its own bytes and sees the reply's bytes, and how the connection ended. */
export interface RawClient {
  readonly socket: Socket
  /** Everything received so far, as latin1. */
  text(): string
  /** Resolves when these words have arrived; rejects if the connection ends first. */
  sees(words: string): Promise<void>
  /** Resolves when the connection is over: `end` orderly, `reset` broken. */
  readonly over: Promise<'end' | 'reset'>
}

export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const chunks: Buffer[] = []
  const text = () => Buffer.concat(chunks).toString('latin1')
  const over = new Promise<'end' | 'reset'>((resolve) => {
    socket.on('end', () => resolve('end'))
    socket.on('error', () => resolve('reset'))
    socket.on('close', () => resolve('end'))
  })
  socket.on('data', (chunk) => chunks.push(chunk))
  const sees = (words: string) =>
    new Promise<void>((resolve, reject) => {
      const closed = () => reject(new Error(`closed before '${words}': ${text()}`))
      const look = () => {
        if (!text().includes(words)) return
        socket.off('data', look).off('close', closed)
        resolve()
      }
      socket.on('data', look).once('close', closed)
      look()
    })
  return { socket, text, sees, over }
}

/** The head and body of a POST; each character of the body is one byte. */
export function post(path: string, body: string, lines: readonly string[] = []): string {
  const length = Buffer.byteLength(body, 'latin1')
  const head = [`POST ${path} HTTP/1.1`, 'Host: door', `Content-Length: ${length}`, ...lines]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const PIECE = Buffer.alloc(64 * 1024, 'x')
export const MIB = 1024 * 1024

/** Sends a body of so many bytes; rejects unless the far side has counted as many. */
export async function upload(url: string, bytes: number): Promise<void> {
  const asked = request(`${url}/up`, {
    method: 'POST',
    agent: false,
    headers: { 'content-length': bytes, 'content-type': 'application/octet-stream' },
  })
  const answered = once(asked, 'response')
  for (let left = bytes; left > 0; left -= PIECE.length) {
    if (!asked.write(left < PIECE.length ? PIECE.subarray(0, left) : PIECE)) {
      await once(asked, 'drain')
    }
  }
  asked.end()
  const [reply] = await answered
  const counted = await textOf(reply)
  if (counted !== String(bytes)) throw new Error(`${counted} of ${bytes} bytes came up`)
}

/** Takes a body of so many bytes; rejects unless as many come. */
export async function download(url: string, bytes: number): Promise<void> {
  const asked = request(`${url}/down?bytes=${bytes}`, { agent: false }).end()
  const [reply] = await once(asked, 'response')
  let came = 0
  for await (const chunk of reply) came += (chunk as Buffer).length
  if (came !== bytes) throw new Error(`${came} of ${bytes} bytes came down`)
}

/** A client that has asked for a long reply, and reads nothing of it until it is told to. */
export class SlowReader {
  readonly #socket: Socket
  readonly #bytes: number
  #came = 0

  constructor(url: string, bytes: number, count: 'first' | 'next') {
    this.#bytes = bytes
    const { hostname, port, pathname } = new URL(url)
    this.#socket = connect({ host: hostname, port: Number(port) }).pause()
    this.#socket.on('error', () => {})
    const query = `bytes=${bytes}${count === 'next' ? '&count' : ''}`
    this.#socket.write(
      `GET ${pathname.replace(/\/$/, '')}/down?${query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    )
  }

  leave(): void {
    this.#socket.destroy()
  }

  /** Rejects unless all of the reply comes. */
  async read(): Promise<void> {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#came += chunk.length
    })
    this.#socket.resume()
    await once(this.#socket, 'close')
    if (this.#came < this.#bytes) throw new Error(`${this.#came} of ${this.#bytes} bytes came`)
  }
}

/** Listens to an event stream, to its end or until it leaves; rejects if it is not whole. */
export async function listen(url: string, leavesAfterMs: number | undefined): Promise<void> {
  const socket = post(`${url}/events`)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  if (leavesAfterMs !== undefined) {
    await delay(leavesAfterMs)
    return leave(socket)
  }
  await once(socket, 'close')
  const events = [...text.matchAll(/"at":(\d+)/g)].map(([, at]) => Number(at))
  const inOrder = events.every((at, index) => at === index + 1)
  if (!inOrder || !text.includes('[DONE]')) throw new Error(`a stream broke off: ${text}`)
}

/** One exchange on a connection of its own, or the begin of one; rejects if a whole one has no whole answer. */
export async function visit(url: string, leaves: boolean): Promise<void> {
  const socket = post(`${url}/quick`)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  if (leaves) {
    await delay(Math.random() * 5)
    return leave(socket)
  }
  await once(socket, 'close')
  if (!/^HTTP\/1\.1 200 [\s\S]*\{\}/.test(text)) throw new Error(`no answer: ${text}`)
}

/**
 * Asks so often, one after the other, where connections are closed behind the answers; returns how many had none.
 * Every other request is work, unless `onlyLooks`: a body that is streamed cannot be sent again.
 */
export async function lost(url: string, count: number, onlyLooks: boolean): Promise<number> {
  const agent = new Agent({ keepAlive: true })
  let misses = 0
  for (let at = 0; at < count; at += 1) {
    const isWork = !onlyLooks && at % 2 === 1
    const path = isWork ? '/v1/completions' : '/race'
    const text = await ask(url + path, agent, isWork ? 'POST' : 'GET').catch(() => '')
    if (text !== 'ok') misses += 1
  }
  agent.destroy()
  return misses
}

/** Text of what is found there. */
export async function look(url: string): Promise<string> {
  return await ask(url, new Agent({ keepAlive: false }), 'GET')
}

async function ask(url: string, agent: Agent, method: string): Promise<string> {
  const asked = request(url, { agent, method })
  const answered = once(asked, 'response')
  asked.end(method === 'POST' ? '{"prompt":"x"}' : undefined)
  const [reply] = await answered
  return await textOf(reply)
}

async function textOf(reply: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of reply) text += chunk
  return text
}

function post(url: string): Socket {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on('error', () => {})
  const lines = ['host: x', 'connection: close', 'content-length: 2']
  socket.write(`POST ${pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n{}`)
  return socket
}

function leave(socket: Socket): void {
  if (Math.random() < 1 / 2 || socket.readableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

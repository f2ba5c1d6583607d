import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { parseOptions, type SampleOptions } from '../../src/sample/options.js'
import { startSampleServer } from '../../src/sample/server.js'

/** What a tap test offers for cleaning up. */
interface Owner {
  teardown(work: () => unknown): void
}

/** A reply as it came. */
export interface RawReply {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

/** Makes options as the command line does. */
export function sampleOptions(...args: string[]): SampleOptions {
  const options = parseOptions(['--port', '0', ...args])
  if (options === 'help') throw new Error('help is no option here')
  return options
}

/** Starts a sample backend in this process and returns its port; it ends with the test. */
export async function startSample(owner: Owner, ...args: string[]): Promise<number> {
  const pace = ['--token-interval', '0', '--first-token-delay', '0', '--image-time', '0']
  const server = await startSampleServer(sampleOptions(...pace, ...args))
  owner.teardown(() => server.close())
  return server.port
}

/** Sends bytes on a connection of their own and returns the socket. */
export async function open(port: number, bytes: string | Buffer): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(bytes)
  return socket
}

/** Writes a POST with its length. */
export function postBytes(path: string, body: unknown, headers: readonly string[] = []): Buffer {
  const payload = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  const lines = [`POST ${path} HTTP/1.1`, 'Host: x', `Content-Length: ${payload.length}`]
  return Buffer.concat([Buffer.from(`${[...lines, ...headers].join('\r\n')}\r\n\r\n`), payload])
}

/** Sends bytes and resolves to all that came until the server closed. */
export async function exchange(port: number, bytes: string | Buffer): Promise<RawReply> {
  return await replyOn(await open(port, bytes))
}

/** Resolves to all that comes on a socket until the server closes it. */
export async function replyOn(socket: Socket): Promise<RawReply> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'close')
  const all = Buffer.concat(chunks)
  const end = all.indexOf('\r\n\r\n')
  const head = all.toString('latin1', 0, Math.max(0, end))
  return { status: Number(head.split(' ')[1]), head, body: all.subarray(end + 4) }
}

export async function get(port: number, path: string): Promise<RawReply> {
  return await exchange(port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
}

export async function getJson(port: number, path: string): Promise<unknown> {
  return JSON.parse((await get(port, path)).body.toString())
}

export async function post(port: number, path: string, body: unknown): Promise<RawReply> {
  return await exchange(port, postBytes(path, body))
}

/** Posts JSON and parses the JSON that comes; the shape is for the test to know. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into many shapes of JSON
export async function postJson(port: number, path: string, body: unknown): Promise<any> {
  return JSON.parse((await post(port, path, body)).body.toString())
}

/** Resolves when the question is answered with yes; fails after ten seconds. */
export async function until(question: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!(await question())) {
    if (Date.now() > deadline) throw new Error('it never happened')
    await delay(10)
  }
}

/** Resolves when the backend tells these numbers in its perf. */
export async function untilPerf(port: number, wanted: Record<string, number>): Promise<void> {
  await until(async () => {
    const perf = Object(await getJson(port, '/api/extra/perf'))
    return Object.entries(wanted).every(([name, value]) => perf[name] === value)
  })
}

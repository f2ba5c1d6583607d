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

/** The head of a request without a body. */
export function get(path: string, lines: readonly string[] = [], method = 'GET'): string {
  return `${[`${method} ${path} HTTP/1.1`, 'Host: door', ...lines].join('\r\n')}\r\n\r\n`
}

/** One request on a connection of its own, until that is over: what came, and how it ended. */
export async function exchange(port: number, bytes: string) {
  const client = await rawClient(port)
  client.socket.write(bytes, 'latin1')
  const over = await client.over
  const text = client.text()
  return { over, text, reply: parseReplies(text)[0] ?? NO_REPLY }
}

/** A reply taken apart; all of it latin1, nothing joined, nothing lower-cased. */
export interface RawReply {
  readonly version: string
  readonly status: number
  readonly reason: string
  /** Name and value of each line, in order. */
  readonly lines: readonly (readonly [name: string, value: string])[]
  /** Without the framing of chunks. */
  readonly body: string
  /** The lines after the last chunk. */
  readonly trailers: readonly (readonly [name: string, value: string])[]
  /** What says where the body ends; `close`: only the end of the connection does. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** Whether all came that the framing promises. */
  readonly isWhole: boolean
}

export const NO_REPLY: RawReply = {
  ...{ version: '', status: 0, reason: '', lines: [], body: '', trailers: [] },
  framing: 'none',
  isWhole: false,
}

/**
 * What a client received, once each of these requests has its whole reply or the connection is over.
 * Interim replies are among them.
 */
export async function repliesTo(
  client: RawClient,
  methods: readonly string[],
): Promise<RawReply[]> {
  const parse = () => parseReplies(client.text(), methods)
  const isDone = () => {
    const finals = parse().filter(({ status }) => status >= 200)
    const last = finals[methods.length - 1]
    return last?.isWhole === true && last.framing !== 'close'
  }
  let tell = () => {}
  const done = new Promise<void>((resolve) => {
    tell = () => (isDone() ? resolve() : undefined)
  })
  client.socket.on('data', tell)
  tell()
  await Promise.race([done, client.over])
  client.socket.off('data', tell)
  return parse()
}

/** The values of all lines with this name, whatever its case. */
export function valuesOf({ lines }: Pick<RawReply, 'lines'>, name: string): string[] {
  return lines.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
}

/** All replies in what a client received, interim ones too; `methods` are those of the requests. */
export function parseReplies(text: string, methods: readonly string[] = []): RawReply[] {
  const replies: RawReply[] = []
  let answered = 0
  for (let rest = text; rest !== ''; ) {
    const { reply, size } = parseReply(rest, methods[answered] ?? 'GET')
    replies.push(reply)
    if (reply.status >= 200) answered += 1
    if (!reply.isWhole) break
    rest = rest.slice(size)
  }
  return replies
}

function parseReply(text: string, method: string): { reply: RawReply; size: number } {
  const end = text.indexOf('\r\n\r\n')
  const [first = '', ...rest] = text.slice(0, end < 0 ? text.length : end).split('\r\n')
  const [, version = '', status = '', reason = ''] = /^(\S+) (\d{3}) ?(.*)$/s.exec(first) ?? []
  const head = { version, status: Number(status), reason, lines: rest.map(toLine) }
  if (end < 0) return { reply: { ...NO_REPLY, ...head }, size: text.length }
  const { size, ...body } = readBody(text.slice(end + 4), head, method)
  return { reply: { ...head, ...body }, size: end + 4 + size }
}

type Framed = Pick<RawReply, 'body' | 'trailers' | 'framing' | 'isWhole'> & { size: number }

/** RFC 9112 6.3 */
function readBody(text: string, head: Pick<RawReply, 'status' | 'lines'>, method: string): Framed {
  const empty = { body: '', trailers: [], isWhole: true, size: 0 } as const
  const isBodiless = head.status < 200 || head.status === 204 || head.status === 304
  if (method === 'HEAD' || isBodiless) return { ...empty, framing: 'none' }
  if (valuesOf(head, 'transfer-encoding').length > 0) {
    return { ...dechunk(text), framing: 'chunked' }
  }
  const [length] = valuesOf(head, 'content-length')
  if (length === undefined) return { ...empty, body: text, size: text.length, framing: 'close' }
  const body = text.slice(0, Number(length))
  const isWhole = body.length === Number(length)
  return { ...empty, body, size: body.length, isWhole, framing: 'length' }
}

/** A chunked body in latin1, up to its end or as far as it came. */
export function dechunk(text: string): Omit<Framed, 'framing'> {
  let [body, at] = ['', 0]
  for (;;) {
    const end = text.indexOf('\r\n', at)
    const length = Number.parseInt(text.slice(at, Math.max(end, at)), 16)
    if (end < 0 || Number.isNaN(length)) break
    at = end + 2
    if (length === 0) return { body, ...readTrailers(text, at) }
    body += text.slice(at, at + length)
    at += length + 2
  }
  return { body, trailers: [], isWhole: false, size: text.length }
}

function readTrailers(text: string, at: number) {
  const isBare = text.startsWith('\r\n', at)
  const end = isBare ? at : text.indexOf('\r\n\r\n', at)
  if (end < 0) return { trailers: [], isWhole: false, size: text.length }
  const lines = isBare ? [] : text.slice(at, end).split('\r\n').map(toLine)
  return { trailers: lines, isWhole: true, size: end + (isBare ? 2 : 4) }
}

function toLine(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ | $/g, '')]
}

import type { Socket } from 'node:net'

const MAX_HEAD_BYTES = 64 * 1024

/** The most bytes of body that KoboldCpp reads (its --maxrequestsize, 32 MB). */
export const MAX_BODY_BYTES = 32 * 1024 * 1024

/** One request as it came. `body` is empty where KoboldCpp reads none: chunked, or beyond its limit (`isTooBig`). */
export interface WireRequest {
  readonly method: string
  readonly path: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  readonly isTooBig: boolean
}

/**
 * Reads the only request that a connection may bring, as KoboldCpp does: by Content-Length alone. Undefined for what
 * it hangs up on (a length that is no number, a client that left). Bytes after the request are read and dropped.
 */
export async function readRequest(socket: Socket): Promise<WireRequest | undefined> {
  const input = new SocketInput(socket)
  const head = await input.takeHead()
  if (head === undefined) return undefined
  const [requestLine = '', ...lines] = head.split(/\r?\n/)
  const [method = '', target = ''] = requestLine.split(' ')
  const headers = parseHeaders(lines)
  const length = Number(headers.get('content-length') ?? 0)
  if (Number.isNaN(length)) return undefined
  const isTooBig = length > MAX_BODY_BYTES
  const body = await input.take(isTooBig ? 0 : length)
  return { method, path: pathOf(target), headers, body, isTooBig }
}

function parseHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    // The first of two Content-Length lines wins.
    if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim())
  }
  return headers
}

function pathOf(target: string): string {
  const [path = ''] = target.replace(/^https?:\/\/[^/]*/, '').split('?')
  return path.replace(/\/+$/, '') || '/'
}

class SocketInput {
  readonly #socket: Socket
  #chunks: Buffer[] = []
  #size = 0
  #ended = false
  #wake: () => void = () => undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#receive)
    socket.once('end', this.#end)
    socket.once('close', this.#end)
  }

  async takeHead(): Promise<string | undefined> {
    for (;;) {
      const bytes = this.#join()
      const text = bytes.toString('latin1', 0, MAX_HEAD_BYTES)
      const end = /\r?\n\r?\n/.exec(text)
      if (end) {
        const rest = bytes.subarray(end.index + end[0].length)
        this.#chunks = [rest]
        this.#size = rest.length
        return text.slice(0, end.index)
      }
      if (this.#ended || bytes.length >= MAX_HEAD_BYTES) return undefined
      await this.#more()
    }
  }

  /** Resolves to `length` bytes, or to fewer where the client ended early; what comes after is dropped. */
  async take(length: number): Promise<Buffer> {
    while (this.#size < length && !this.#ended) await this.#more()
    this.#socket.off('data', this.#receive)
    this.#socket.resume()
    return this.#join().subarray(0, length)
  }

  readonly #receive = (chunk: Buffer): void => {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    this.#wake()
  }

  readonly #end = (): void => {
    this.#ended = true
    this.#wake()
  }

  #join(): Buffer {
    const joined = Buffer.concat(this.#chunks)
    this.#chunks = [joined]
    return joined
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

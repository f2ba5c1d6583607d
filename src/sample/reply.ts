import type { Socket } from 'node:net'
import { pythonJson } from './python-json.js'

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  302: 'Found',
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
}

const CORS = [
  'access-control-allow-origin: *',
  'access-control-allow-methods: *',
  'access-control-allow-headers: *, Accept, Content-Type, Content-Length, Cache-Control, Accept-Encoding, X-CSRF-Token, Client-Agent, X-Fields, Content-Type, Authorization, X-Requested-With, X-HTTP-Method-Override, apikey, genkey',
]

const STREAM_LINES = ['X-Accel-Buffering: no', 'cache-control: no-cache', 'connection: keep-alive']

/** The answer to one request, in KoboldCpp's header blocks: HTTP/1.0, head and body in separate writes, then close. */
export class Reply {
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Resolves when all of a JSON answer left; errors carry no length, as KoboldCpp's do. */
  async json(value: unknown, status = 200): Promise<void> {
    await this.text(pythonJson(value), 'application/json', status)
  }

  /** Resolves when all of a text answer left; only a 200 states its length. */
  async text(text: string | Buffer, contentType: string, status = 200): Promise<void> {
    const bytes = Buffer.isBuffer(text) ? text : Buffer.from(text)
    const length = status === 200 ? [`content-length: ${bytes.length}`] : []
    await this.#whole(status, contentHead(length, contentType), bytes)
  }

  /** Resolves when a file of bytes left. */
  async file(bytes: Buffer, contentType: string, name: string): Promise<void> {
    const lines = [
      `content-length: ${bytes.length}`,
      `Content-Disposition: attachment; filename="${name}"`,
    ]
    await this.#whole(200, contentHead(lines, contentType), bytes)
  }

  /** Resolves when a head without length and body left. */
  async empty(status: number): Promise<void> {
    await this.#whole(status, contentHead([], 'text/html'), Buffer.alloc(0))
  }

  /** Answers as Python's http.server does where KoboldCpp has no say, an HTML page with its length. */
  async pythonError(status: number, message: string): Promise<void> {
    const page = Buffer.from(
      `<!DOCTYPE HTML>\n<html lang="en"><head><title>Error response</title></head>` +
        `<body><h1>Error response</h1><p>Error code: ${status}</p><p>Message: ${message}.</p></body></html>\n`,
    )
    const lines = [
      'Connection: close',
      'Content-Type: text/html;charset=utf-8',
      `Content-Length: ${page.length}`,
    ]
    await this.#whole(status, lines, page)
  }

  /** Sends the head of an event stream; `send` and `end` follow. */
  openStream(): void {
    this.#head(200, contentHead(STREAM_LINES, 'text/event-stream'))
  }

  /** Resolves when the kernel took the bytes, so a slow reader holds its writer, or when the client is gone. */
  async send(text: string): Promise<void> {
    if (!this.#socket.writable) return
    await new Promise<void>((resolve) => this.#socket.write(text, () => resolve()))
  }

  /** Closes the connection after what was written, and resolves when it left or the client is gone. */
  async end(): Promise<void> {
    const socket = this.#socket
    if (socket.destroyed) return
    await new Promise<void>((resolve) => {
      socket.once('finish', resolve)
      socket.once('close', resolve)
      socket.destroySoon()
    })
  }

  /** Closes the connection without a word. */
  drop(): void {
    this.#socket.destroy()
  }

  /** Calls back when the client hangs up, or ends its side, which KoboldCpp takes for hanging up during a stream. */
  onClientGone(callback: () => void): void {
    if (this.#socket.destroyed || this.#socket.readableEnded) callback()
    this.#socket.once('end', callback)
    this.#socket.once('close', callback)
  }

  async #whole(status: number, lines: readonly string[], body: Buffer): Promise<void> {
    this.#head(status, lines)
    if (body.length > 0) this.#socket.write(body)
    await this.end()
  }

  #head(status: number, lines: readonly string[]): void {
    const common = [
      `HTTP/1.0 ${status} ${REASONS[status] ?? ''}`,
      // The blank at the end is KoboldCpp's own.
      'Server: ConcedoLlamaForKoboldServer ',
      `Date: ${new Date().toUTCString()}`,
    ]
    if (this.#socket.writable) this.#socket.write(`${[...common, ...lines].join('\r\n')}\r\n\r\n`)
  }
}

function contentHead(lines: readonly string[], contentType: string): readonly string[] {
  return [...lines, ...CORS, 'cache-control: no-store', `content-type: ${contentType}`]
}

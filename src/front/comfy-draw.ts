import type { Lease } from '../backends/lease.js'
import type { UpstreamHandler } from '../backends/upstream.js'
import { GatehouseError } from '../errors.js'
import type { Upload } from './comfy-upload.js'

/** A picture as a backend gave it. */
export interface Picture {
  readonly bytes: Buffer
  readonly contentType: string
}

export interface Drawing {
  /** As POST /prompt was given it. */
  readonly body: Buffer
  /** The picture that it begins with. */
  readonly upload: Upload | undefined
}

interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: Buffer
  readonly contentType?: string
}

interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

interface Settle {
  resolve(reply: Reply): void
  reject(error: unknown): void
}

/**
 * Has a KoboldCpp draw, which answers when it has, and fetches the picture before anybody else's turn: it knows only
 * the last one (kobold-wire 1.3). Rejects with a GatehouseError where there is none.
 */
export async function draw(lease: Lease, { body, upload }: Drawing): Promise<Picture> {
  const values = { backend: lease.config.name }
  if (upload) {
    const { body: form, contentType } = upload
    await ask(lease, { method: 'POST', path: '/upload/image', body: form, contentType })
  }
  const contentType = 'application/json'
  const drawn = await ask(lease, { method: 'POST', path: '/prompt', body, contentType })
  const view = drawn.status === 200 ? await ask(lease, { method: 'GET', path: '/view' }) : drawn
  if (view.status !== 200 || view.body.length === 0) {
    throw new GatehouseError('GATEHOUSE_UPSTREAM_FAILED', { values })
  }
  return { bytes: view.body, contentType: typeOf(view) }
}

/** KoboldCpp calls everything a PNG. */
function typeOf({ body, contentType }: Reply): string {
  if (body.subarray(0, 3).toString('latin1') === 'GIF') return 'image/gif'
  if (body.subarray(0, 4).toString('latin1') === 'RIFF') return 'image/webp'
  if (body.subarray(0, 2).toString('hex') === 'ffd8') return 'image/jpeg'
  return contentType || 'image/png'
}

function ask(lease: Lease, question: Question): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { method, path, body = null, contentType } = question
    const headers = contentType === undefined ? [] : ['content-type', contentType]
    lease.upstream.dispatch(
      { method, path: lease.config.address.basePath + path, headers, body },
      new WholeReply(lease, { resolve, reject }),
    )
  })
}

/** Collects one reply, within the time that a request may take at its backend. */
class WholeReply implements UpstreamHandler {
  readonly #lease: Lease
  readonly #settle: Settle
  readonly #chunks: Buffer[] = []
  readonly #timer: NodeJS.Timeout | undefined
  #abort: ((error?: Error) => void) | undefined
  #status = 0
  #contentType = ''

  constructor(lease: Lease, settle: Settle) {
    this.#lease = lease
    this.#settle = settle
    const { requestTimeoutMs } = lease.config
    if (requestTimeoutMs > 0) this.#timer = setTimeout(() => this.#timeOut(), requestTimeoutMs)
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
  }

  onHeaders(status: number, raw: Buffer[]): boolean {
    this.#status = status
    for (let at = 0; at + 1 < raw.length; at += 2) {
      if (String(raw[at]).toLowerCase() === 'content-type') this.#contentType = String(raw[at + 1])
    }
    return true
  }

  onData(chunk: Buffer): boolean {
    this.#chunks.push(chunk)
    return true
  }

  onComplete(): void {
    clearTimeout(this.#timer)
    const body = Buffer.concat(this.#chunks)
    this.#settle.resolve({ status: this.#status, contentType: this.#contentType, body })
  }

  onError(cause: Error): void {
    clearTimeout(this.#timer)
    const values = { backend: this.#lease.config.name }
    const isOurs = cause instanceof GatehouseError
    this.#settle.reject(
      isOurs ? cause : new GatehouseError('GATEHOUSE_UPSTREAM_FAILED', { values, cause }),
    )
  }

  #timeOut(): void {
    const values = { backend: this.#lease.config.name }
    this.#abort?.(new GatehouseError('GATEHOUSE_UPSTREAM_TIMEOUT', { values }))
  }
}

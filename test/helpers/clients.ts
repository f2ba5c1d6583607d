import { WebSocket } from 'undici'
import type { Gateway } from './gateway.js'

/** A whole answer, as a client has it in its hands. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  readonly text: string
  /** Throws where it is no JSON; the caller says what it takes it for, as clients do. */
  json<T = unknown>(): T
}

/** An object is sent as JSON; a text without a content type of its own, which fetch calls `text/plain`. */
export type Body = object | string | FormData | undefined

/** One program at one address, with the header lines that it sends with every call. */
export interface Client {
  get(path: string): Promise<Answer>
  post(path: string, body?: Body): Promise<Answer>
  call(method: string, path: string, body?: Body): Promise<Answer>
  /** The reply as soon as it begins; `signal` is the client's leaving. */
  open(path: string, body: Body, signal?: AbortSignal): Promise<Response>
}

export type Lines = Readonly<Record<string, string>>

/** A client that was given this base URL. */
export function clientAt(base: string, headers: Lines = {}): Client {
  const call = async (method: string, path: string, body?: Body) =>
    read(await fetch(base + path, { method, ...sent(body, headers) }))
  return {
    call,
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    open: (path, body, signal) =>
      fetch(base + path, { method: 'POST', ...sent(body, headers), ...(signal && { signal }) }),
  }
}

/** What A1111 clients send, most of them even without a password. */
export function basic(credentials = ''): Lines {
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}

export function bearer(key: string): Lines {
  return { authorization: `Bearer ${key}` }
}

/** Every backend that was started so far, in that order. */
export function startedBy({ moves }: Gateway): string[] {
  return moves.filter(({ to }) => to === 'starting').map(({ backend }) => backend)
}

/** The JSON of each `data:` line of an OpenAI stream; fails without the `[DONE]` at its end. */
export function openAiEvents<T>(text: string): T[] {
  const data = text.split(/\r?\n\r?\n/).flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? [])
  if (data.pop() !== '[DONE]') throw new Error(`a stream without an end: ${text}`)
  return data.map((line) => JSON.parse(line) as T)
}

/** KoboldAI Lite's reading of a stream: an `event:` line, then one `data:` line, then an empty one, anywhere. */
export function koboldEvents(text: string): { token: string; finish_reason: string | null }[] {
  const events = text.matchAll(/event: message\r?\ndata: (.*)\r?\n\r?\n/g)
  return [...events].map(([, data = '']) => JSON.parse(data))
}

/** A form with one file, as browsers and HTTP libraries send it. */
export function formWith(field: string, file: Buffer, fields: Lines = {}): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  form.set(field, new Blob([new Uint8Array(file)]), `${field}.bin`)
  return form
}

/** Whether this picture is a PNG that was drawn for these words. */
export function shows(png: Buffer | string | undefined, words: string): boolean {
  const bytes = typeof png === 'string' ? Buffer.from(png, 'base64') : (png ?? Buffer.alloc(0))
  return bytes.toString('latin1', 1, 4) === 'PNG' && bytes.includes(words)
}

/** A workflow as it leaves ComfyUI's editor in API format: one text, one sampler, one picture of 64 by 64. */
export function workflowOf(words: string, latent: object = EMPTY_LATENT) {
  return {
    '3': {
      class_type: 'KSampler',
      inputs: { seed: 1, steps: 4, positive: ['6', 0], latent_image: ['5', 0] },
    },
    '5': latent,
    '6': { class_type: 'CLIPTextEncode', inputs: { text: words } },
    '9': { class_type: 'SaveImage', inputs: { images: ['3', 0] } },
  }
}

const EMPTY_LATENT = { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64 } }

/** A message of ComfyUI's on its WebSocket. */
export interface ComfyMessage {
  readonly type: string
  readonly data: {
    readonly node?: string | null
    readonly prompt_id?: string
    readonly status?: object
  }
}

/** A WebSocket as a program opens it, with all that it was told. */
export async function listenAt(url: string, headers: Lines = {}) {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers: { ...headers } })
  const told: ComfyMessage[] = []
  const hear: ((message: ComfyMessage) => void)[] = []
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as ComfyMessage
    told.push(message)
    for (const each of hear) each(message)
  })
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', ({ message }) => reject(new Error(`no WebSocket: ${message}`)))
  })
  return {
    told,
    /** Resolves with the first message, told already or to come, that is meant. */
    hears: (isMeant: (message: ComfyMessage) => boolean) =>
      new Promise<ComfyMessage>((resolve) => {
        const before = told.find(isMeant)
        if (before) return resolve(before)
        hear.push((message) => isMeant(message) && resolve(message))
      }),
    close: () => socket.close(),
  }
}

function sent(body: Body, headers: Lines) {
  if (body === undefined || typeof body === 'string' || body instanceof FormData) {
    return { headers, ...(body !== undefined && { body }) }
  }
  return {
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
}

async function read(reply: Response): Promise<Answer> {
  const bytes = Buffer.from(await reply.arrayBuffer())
  const { status, headers } = reply
  const text = bytes.toString('utf8')
  return { status, headers, bytes, text, json: <T>() => JSON.parse(text) as T }
}

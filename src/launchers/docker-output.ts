import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { DockerEngine } from './docker-engine.js'

const HEAD_BYTES = 8

export interface ContainerOutputParts {
  readonly engine: DockerEngine
  readonly id: string
  /** A terminal's output comes as it is, any other in frames. */
  readonly isTerminal: boolean
  /** Open for appending; closed with this. */
  readonly file: FileHandle
  /** From when on it is wanted, in seconds since 1970. */
  readonly since: number
}

/** What a container prints, copied into a file. */
export class ContainerOutput {
  readonly #parts: ContainerOutputParts
  #since: number
  #stream: Readable | undefined
  #isClosed = false
  #copying: Promise<void> = Promise.resolve()

  constructor(parts: ContainerOutputParts) {
    this.#parts = parts
    this.#since = parts.since
  }

  /** Copies what was not copied before; resolves, never rejects, when the engine gives no more. */
  copy(): Promise<void> {
    this.#copying = this.#copy()
    return this.#copying
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stream?.destroy()
    await this.#copying
    await this.#parts.file.close()
  }

  async #copy(): Promise<void> {
    const { engine, id, isTerminal, file } = this.#parts
    try {
      this.#stream = await engine.output(id, this.#since)
      if (this.#isClosed) this.#stream.destroy()
      for await (const part of isTerminal ? this.#stream : unframed(this.#stream)) {
        await file.write(part)
        this.#since = Date.now() / 1000
      }
    } catch {
      // An engine may keep no output, or go away meanwhile: its lines only explain.
    }
  }
}

/** The bytes out of the frames in which an engine sends them: a head of eight that ends with a length, then so many. */
export async function* unframed(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const frames = new Frames()
  for await (const chunk of stream) yield* frames.take(chunk)
}

class Frames {
  #head = Buffer.alloc(0)
  #owed = 0

  /** The printed bytes in the next chunk of the stream. */
  take(chunk: Buffer): Buffer[] {
    const printed: Buffer[] = []
    let rest = chunk
    while (rest.length > 0) {
      const part = rest.subarray(0, this.#owed || HEAD_BYTES - this.#head.length)
      rest = rest.subarray(part.length)
      if (this.#owed === 0) this.#readHead(part)
      else {
        this.#owed -= part.length
        printed.push(part)
      }
    }
    return printed
  }

  #readHead(part: Buffer): void {
    this.#head = Buffer.concat([this.#head, part])
    if (this.#head.length < HEAD_BYTES) return
    this.#owed = this.#head.readUInt32BE(4)
    this.#head = Buffer.alloc(0)
  }
}

import { copyFile, type FileHandle, mkdir, open, rename, stat, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'

const MAX_BYTES = 10 * 1024 * 1024
const CHECK_EVERY_MS = 5_000
const TAIL_BYTES = 64 * 1024

/**
 * A file that a child writes its output into by itself: a pipe that nobody reads would stop it (kobold-observed 7),
 * and a pipe would also die with the gateway. At 10 MiB the content moves to `FILE.1`; the file is opened for
 * appending, so the child goes on writing at its new end.
 */
export class OutputLog {
  readonly file: string
  #from = 0
  #rotatedBytes = 0
  #rotating = false
  #timer: NodeJS.Timeout | undefined

  constructor(file: string) {
    this.file = file
  }

  /** Opens the file for one run of a child; the caller closes the handle once the child has it. */
  async open(): Promise<FileHandle> {
    await mkdir(dirname(this.file), { recursive: true, mode: 0o700 })
    if ((await this.#size()) > MAX_BYTES) await rename(this.file, `${this.file}.1`)
    const handle = await open(this.file, 'a', 0o600)
    this.#from = (await handle.stat()).size
    this.#watch()
    return handle
  }

  /** Watches the file of a child that writes into it already; its lines are all taken for this run's. */
  resume(): void {
    this.#from = 0
    this.#watch()
  }

  /** Bytes printed since the file was opened, and what was in it before. */
  async printedBytes(): Promise<number> {
    return this.#rotatedBytes + (await this.#size())
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** The last lines of this run's output, oldest first; none if the file cannot be read. */
  async lastLines(count: number): Promise<string[]> {
    try {
      const text = await this.#tail()
      return text.split(/\r?\n/).filter(Boolean).slice(-count)
    } catch {
      return [] // somebody removed the file: its lines only explain, so nothing is lost with them
    }
  }

  async #tail(): Promise<string> {
    const handle = await open(this.file, 'r')
    try {
      const { size } = await handle.stat()
      const from = Math.min(this.#from, size)
      const start = Math.max(from, size - TAIL_BYTES)
      const { buffer, bytesRead } = await handle.read(
        Buffer.alloc(size - start),
        0,
        size - start,
        start,
      )
      const text = buffer.toString('utf8', 0, bytesRead)
      // Half a line may hold half a secret, which no mask would know.
      return start > from ? text.slice(text.indexOf('\n') + 1) : text
    } finally {
      await handle.close()
    }
  }

  async #rotate(): Promise<void> {
    if (this.#rotating) return
    this.#rotating = true
    try {
      if ((await this.#size()) <= MAX_BYTES) return
      await copyFile(this.file, `${this.file}.1`)
      this.#rotatedBytes += await this.#size()
      await truncate(this.file)
      this.#from = 0
    } catch {
      // A full disk or a removed file: the next check tries again, and the child is not disturbed.
    } finally {
      this.#rotating = false
    }
  }

  #size(): Promise<number> {
    return stat(this.file)
      .then(({ size }) => size)
      .catch(() => 0)
  }

  #watch(): void {
    this.#timer = setInterval(() => void this.#rotate(), CHECK_EVERY_MS).unref()
  }
}

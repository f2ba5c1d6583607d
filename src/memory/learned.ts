import { readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What was seen of one command. */
export interface Lesson {
  /** The most it was seen to hold, in bytes: `gpu` stands for a card that was chosen for it. */
  readonly peaks: Readonly<Record<string, number>>
  /** How long it takes to start, in milliseconds, recent starts counting more; 0: never seen. */
  readonly startMs: number
}

const NOTHING: Lesson = { peaks: {}, startMs: 0 }
/** What the last start weighs in the mean. */
const LAST_START = 0.4
/** A peak is seen every half second, and written down less often. */
const WRITE_AFTER_MS = 2_000
/** Commands change now and then; what was not seen again is forgotten, the oldest first. */
const MOST_LESSONS = 200

/**
 * What backends need and how long they take to start, by the hash of their command, kept on disk. What cannot be read
 * or written is only not remembered.
 */
export class Learned {
  readonly #file: string
  readonly #lessons: Map<string, Lesson>
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(file: string) {
    this.#file = file
    this.#lessons = new Map(Object.entries(read(file)))
  }

  of(command: string): Lesson {
    return this.#lessons.get(command) ?? NOTHING
  }

  /** Takes note of a peak if it is one. */
  held(command: string, device: string, bytes: number): void {
    const { peaks, startMs } = this.of(command)
    if (bytes <= (peaks[device] ?? 0)) return
    this.#put(command, { startMs, peaks: { ...peaks, [device]: bytes } })
  }

  started(command: string, durationMs: number): void {
    const { peaks, startMs } = this.of(command)
    const mean = startMs === 0 ? durationMs : startMs + LAST_START * (durationMs - startMs)
    this.#put(command, { peaks, startMs: Math.round(mean) })
  }

  /** Resolves when all is written down. */
  async close(): Promise<void> {
    if (this.#timer) this.#write()
    await this.#writing
  }

  #put(command: string, lesson: Lesson): void {
    this.#lessons.delete(command) // so that it comes last
    this.#lessons.set(command, lesson)
    const [oldest] = this.#lessons.keys()
    if (this.#lessons.size > MOST_LESSONS && oldest !== undefined) this.#lessons.delete(oldest)
    this.#timer ??= setTimeout(() => this.#write(), WRITE_AFTER_MS).unref()
  }

  /** Whoever reads it finds a whole file, before or after. */
  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const text = JSON.stringify(Object.fromEntries(this.#lessons), undefined, 2)
    const draft = `${this.#file}.new`
    this.#writing = this.#writing
      .then(async () => {
        await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
        await writeFile(draft, text, { mode: 0o600 })
        await rename(draft, this.#file)
      })
      .catch(() => {})
  }
}

function read(file: string): Record<string, Lesson> {
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof content !== 'object' || content === null) return {}
    return Object.fromEntries(Object.entries(content).filter(([, value]) => isLesson(value)))
  } catch {
    return {}
  }
}

function isLesson(value: unknown): value is Lesson {
  if (typeof value !== 'object' || value === null) return false
  const { peaks, startMs } = value as Partial<Lesson>
  if (typeof startMs !== 'number' || typeof peaks !== 'object' || peaks === null) return false
  return Object.values(peaks).every((bytes) => Number.isFinite(bytes))
}

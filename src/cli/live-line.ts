import type { BackendRecorder, Move } from '../backends/recorder.js'

const EVERY_MS = 200
const CLEAR_LINE = '\r\x1b[2K'

export interface Screen {
  write(text: string): void
}

interface Starting {
  readonly since: number
  readonly waitsFor: string
}

/** The last line of the terminal: which backends are starting, for how long, and what each waits for. */
export class LiveLine implements BackendRecorder {
  readonly #screen: Screen
  readonly #starting = new Map<string, Starting>()
  #timer: NodeJS.Timeout | undefined

  constructor(screen: Screen) {
    this.#screen = screen
  }

  moved({ backend, to }: Move): void {
    const waitsFor = WAITS_FOR[to]
    if (waitsFor === undefined) this.#starting.delete(backend)
    else {
      const since = this.#starting.get(backend)?.since ?? Date.now()
      this.#starting.set(backend, { since, waitsFor })
    }
    this.#tick()
  }

  started(): void {}

  crashed(): void {}

  leftBehind(): void {}

  /** Prints whole lines above the live one. */
  print(text: string): void {
    this.#screen.write(`${CLEAR_LINE}${text}`)
    this.#draw()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#screen.write(CLEAR_LINE)
  }

  #tick(): void {
    clearInterval(this.#timer)
    this.#screen.write(CLEAR_LINE)
    if (this.#starting.size === 0) return
    this.#timer = setInterval(() => this.print(''), EVERY_MS).unref()
    this.#draw()
  }

  #draw(): void {
    if (this.#starting.size > 0) this.#screen.write(liveText(this.#starting, Date.now()))
  }
}

const WAITS_FOR: Partial<Record<Move['to'], string>> = {
  queued: 'its turn to start',
  starting: 'its model to load',
}

/** The text of the live line at this moment. */
export function liveText(starting: ReadonlyMap<string, Starting>, nowMs: number): string {
  return [...starting]
    .map(([backend, { since, waitsFor }]) => {
      const seconds = ((nowMs - since) / 1000).toFixed(1)
      return `${backend} is starting: ${seconds} s, waits for ${waitsFor}`
    })
    .join('; ')
}

import { abortable } from '../../abortable.js'
import type { Clock } from './clock.js'
import { type DeviceReading, type DeviceSource, SourceFailure } from './reading.js'

export interface FeedOptions {
  readonly clock: Clock
  readonly onWarning: (text: string) => void
  readonly onInfo: (text: string) => void
}

/** A driver without persistence mode takes seconds a card to wake. */
const READ_LIMIT_MS = 10_000
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 300_000

/** One source over time: what it told last, and whether it is to be asked again. */
export class Feed {
  readonly #source: DeviceSource
  readonly #options: FeedOptions
  #readings: readonly DeviceReading[] | undefined
  #underWay: AbortController | undefined
  #isClosed = false
  #hasWarned = false
  #pauseMs = 0
  #notBefore = Number.NEGATIVE_INFINITY

  constructor(source: DeviceSource, options: FeedOptions) {
    this.#source = source
    this.#options = options
  }

  /** What it told last; undefined before it first told, and while it fails. */
  get readings(): readonly DeviceReading[] | undefined {
    return this.#readings
  }

  /** It fails, and that has been said. */
  get isFailing(): boolean {
    return this.#hasWarned
  }

  /** It has told, or said why it cannot. */
  get hasAnswered(): boolean {
    return this.#readings !== undefined || this.#pauseMs > 0
  }

  /**
   * Asks the source, and resolves when it has answered; at once where it is not to be asked now: it failed lately, or
   * an older question is under way. Never rejects.
   */
  async refresh(): Promise<void> {
    const { clock } = this.#options
    if (this.#isClosed || this.#underWay || clock.now() < this.#notBefore) return
    this.#underWay = new AbortController()
    try {
      this.#told(await this.#read(this.#underWay))
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#underWay = undefined
    }
  }

  /** Ends the question that is under way, and says nothing of it. */
  close(): void {
    this.#isClosed = true
    this.#underWay?.abort()
  }

  async #read(leave: AbortController): Promise<readonly DeviceReading[]> {
    const tooLate = new SourceFailure(`it did not answer within ${READ_LIMIT_MS / 1000} s`)
    const callOff = this.#options.clock.after(READ_LIMIT_MS, () => leave.abort(tooLate))
    try {
      return await abortable(this.#source.read(leave.signal), leave.signal)
    } finally {
      callOff()
    }
  }

  #told(readings: readonly DeviceReading[]): void {
    if (this.#isClosed) return
    this.#readings = readings
    this.#pauseMs = 0
    if (!this.#hasWarned) return
    this.#hasWarned = false
    this.#options.onInfo(`${this.#source.name} tells again what memory is in use`)
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return
    const hadDevices = (this.#readings?.length ?? 0) > 0
    this.#readings = undefined
    this.#pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2), LONGEST_PAUSE_MS)
    this.#notBefore = this.#options.clock.now() + this.#pauseMs
    const isMissing = error instanceof SourceFailure && error.toolIsMissing && !hadDevices
    if (isMissing || this.#hasWarned) return
    this.#hasWarned = true
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.onWarning(
      `${this.#source.name} does not tell what memory is in use: ${reason}. Until it does, the numbers in routes.json count.`,
    )
  }
}

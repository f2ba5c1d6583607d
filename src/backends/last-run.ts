import type { BackendConfig } from '../config/config.js'
import type { Dialect } from '../dialects/dialect.js'
import { type Exit, type Run, StartFailure } from '../launchers/launcher.js'
import { isOutOfMemory } from '../launchers/out-of-memory.js'
import type { BackendMemory } from '../memory/backend-memory.js'
import { MemoryShortage } from '../memory/shortage.js'
import type { BackendRecorder } from './recorder.js'

export interface LastRunParts {
  readonly config: BackendConfig
  readonly dialect: Dialect
  readonly recorder: BackendRecorder
  readonly memory: BackendMemory
  /** What must be over before the first start. */
  readonly after?: Promise<void>
}

/** The run of a backend and its memory, from the moment that something of it lives until nothing does. */
export class LastRun {
  readonly #parts: LastRunParts
  #run: Run | undefined
  /** The end of the run, which the next start waits for: never two processes at once. */
  #ending: Promise<void>

  constructor(parts: LastRunParts) {
    this.#parts = parts
    this.#ending = parts.after ?? Promise.resolve()
  }

  /** Undefined: nothing of it lives. */
  get run(): Run | undefined {
    return this.#run
  }

  /** Resolves when the end that has begun is over; at once where none has. */
  get ended(): Promise<void> {
    return this.#ending
  }

  /** What it printed at last, when its start failed with this error. */
  async outputOf(error: unknown): Promise<readonly string[]> {
    const told = error instanceof StartFailure ? error.output : undefined
    return told ?? (await this.#run?.lastOutput()) ?? []
  }

  own(run: Run): void {
    this.#run = run
    this.#parts.memory.watch(run.pid)
  }

  /** It lives on without us. */
  forget(): void {
    this.#run = undefined
  }

  /** Begins to end all that is left of it, and then gives its memory back. */
  clear(signals = this.#parts.dialect.stopSignals): Promise<void> {
    this.#parts.memory.leaving()
    this.#ending = this.#clear(signals)
    return this.#ending
  }

  /** The same for one that ended by itself; if that was for want of memory, the next start has more room. */
  bury(exit: Exit | undefined): Promise<void> {
    this.#parts.memory.leaving()
    this.#ending = this.#noteCause(exit).then(() => this.#clear(['SIGKILL']))
    return this.#ending
  }

  /**
   * Resolves when nothing of it lives and there is memory for another. What outlived its stop is tried to be ended
   * once more: nothing is started beside it.
   */
  async makeWay(askedAtMs: number, giveUp: AbortSignal): Promise<void> {
    await this.#ending
    if (this.#run) await this.#clear(this.#parts.dialect.stopSignals)
    if (this.#run) throw new StartFailure('its last run could not be ended')
    try {
      await this.#parts.memory.reserve(askedAtMs, giveUp)
    } catch (error) {
      throw error instanceof MemoryShortage ? new StartFailure(error.message) : error
    }
  }

  /** Ends it, keeps its memory and has somebody else stopped; false: there is nobody, or it lives on. */
  async makeMoreRoom(): Promise<boolean> {
    if (!this.#parts.memory.isCounted) return false
    await this.#end(this.#parts.dialect.stopSignals)
    return this.#run === undefined && (await this.#parts.memory.freeOne())
  }

  /** Of what had to be ended because it did not answer, no exit is told. */
  async #noteCause(exit: Exit | undefined): Promise<void> {
    if (!exit || !this.#run) return
    if (isOutOfMemory(exit, await this.#run.lastOutput())) this.#parts.memory.ranOut()
  }

  async #clear(signals: readonly NodeJS.Signals[]): Promise<void> {
    await this.#end(signals)
    if (this.#run) this.#parts.memory.stuck()
    else await this.#parts.memory.release()
  }

  /** Says so in the log when it cannot be done. */
  async #end(signals: readonly NodeJS.Signals[]): Promise<void> {
    const run = this.#run
    if (!run) return
    const { config, recorder } = this.#parts
    try {
      await run.stop({ signals, timeoutMs: config.stopTimeoutMs })
      if (this.#run === run) this.#run = undefined
    } catch (cause) {
      recorder.leftBehind(config.name, cause)
    }
  }
}

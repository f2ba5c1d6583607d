/**
 * How a backend is started and stopped.
 *
 * A launcher promises: `start` begins at most what one call asks for, and when it rejects nothing of it lives;
 * a run's `exited` settles once and never rejects; `stop` resolves when nothing of the run lives any more.
 * Whether the backend can work yet is not a launcher's business.
 */
export interface Launcher {
  readonly kind: 'process' | 'docker' | 'external'
  /** Equal for equal commands, to remember what one needs; undefined where nothing is started. */
  readonly commandHash: string | undefined
  /** `env`: variables in addition to the configured ones. */
  start(signal: AbortSignal, env?: Readonly<Record<string, string>>): Promise<Run>
  /**
   * Takes over what an earlier gateway started with the same command and that still lives. Undefined: there is none;
   * what else that gateway left under this name has been ended.
   */
  adopt(): Promise<Run | undefined>
}

/** One start of a backend, until nothing of it lives. */
export interface Run {
  /** Where it listens, such as `http://127.0.0.1:5001`; no trailing slash, no base path. */
  readonly origin: string
  readonly pid: number | undefined
  /** Settles when the backend ends by itself or is stopped; never for a backend that is not ours. */
  readonly exited: Promise<Exit>
  stop(recipe: StopRecipe): Promise<void>
  /** Ends everything of it at once without waiting: for the moment in which the gateway itself dies. */
  kill(): void
  /** Lets go of it without ending it, so that the next gateway can adopt it. */
  release(): void
  /** What grows while it does something. */
  progress(): Promise<Progress>
  /** The last lines that it printed, secrets masked, oldest first. */
  lastOutput(): Promise<string[]>
}

export interface Progress {
  readonly outputBytes: number
  /** Resident in all its processes; 0 where the platform does not tell. */
  readonly memoryBytes: number
}

export interface StartFailureFacts extends ErrorOptions {
  /** It would have started with more memory. */
  readonly isOutOfMemory?: boolean
  /** The last lines that it printed, secrets masked. */
  readonly output?: readonly string[]
}

/** Why a start came to nothing, in words for the client: no path, address or secret in them. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure'
  readonly isOutOfMemory: boolean
  readonly output: readonly string[] | undefined

  constructor(message: string, facts: StartFailureFacts = {}) {
    super(message, facts)
    this.isOutOfMemory = facts.isOutOfMemory ?? false
    this.output = facts.output
  }
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether its container ran out of memory, by its limit or the machine's; undefined: nobody can tell. */
  readonly outOfMemory?: boolean
}

export interface StopRecipe {
  /** Polite first, SIGKILL last. */
  readonly signals: readonly NodeJS.Signals[]
  /** How long the steps before the last may take together. */
  readonly timeoutMs: number
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerInspectInfo } from 'dockerode'
import { within } from '../abortable.js'
import type { DockerEngine } from './docker-engine.js'
import { exitOf } from './docker-facts.js'
import type { ContainerOutput } from './docker-output.js'
import type { Exit, Progress, Run, StopRecipe } from './launcher.js'
import type { OutputLog } from './output-log.js'

const LAST_LINES = 200
/** The end of its output tells of its end at once; this is for an engine that gives none, or a stream that hangs. */
const LOOK_EVERY_MS = 2_000
/** How long what it printed last may take to come after its end was seen. */
const LAST_WORDS_MS = 1_000

export interface DockerRunParts {
  readonly engine: DockerEngine
  readonly container: ContainerInspectInfo
  readonly origin: string
  readonly output: ContainerOutput
  readonly log: OutputLog
  readonly mask: (text: string) => string
}

/** A container from one start until it ends, whoever started it. */
export class DockerRun implements Run {
  readonly origin: string
  /** Its processes are the engine's. */
  readonly pid = undefined
  readonly exited: Promise<Exit>
  readonly #parts: DockerRunParts
  readonly #over = new AbortController()
  #settle: (exit: Exit) => void = () => {}
  #copying: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(parts: DockerRunParts) {
    this.#parts = parts
    this.origin = parts.origin
    this.exited = new Promise((resolve) => {
      this.#settle = resolve
    })
    void this.#watch()
  }

  async stop({ signals, timeoutMs }: StopRecipe): Promise<void> {
    if (this.#isStopped) return
    const [signal] = signals
    const seconds = signal === 'SIGKILL' ? 0 : Math.ceil(timeoutMs / 1000)
    await this.#parts.engine.stop(this.#id, { seconds, signal })
    const found = await this.#look()
    if (found?.State.Running) throw new Error(`container ${this.#id} outlived its stop`)
    this.#isStopped = true
    await this.exited
  }

  kill(): void {
    if (this.#over.signal.aborted) return
    const now = { seconds: 0, signal: 'SIGKILL' } as const
    this.#parts.engine.stop(this.#id, now).catch(() => {}) // whoever kills does not wait to hear
  }

  release(): void {
    this.#over.abort()
  }

  /** How much memory it holds, only the engine knows. */
  async progress(): Promise<Progress> {
    return { memoryBytes: 0, outputBytes: await this.#parts.log.printedBytes() }
  }

  async lastOutput(): Promise<string[]> {
    const lines = await this.#parts.log.lastLines(LAST_LINES)
    return lines.map(this.#parts.mask)
  }

  get #id(): string {
    return this.#parts.container.Id
  }

  async #watch(): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      const ended = this.#copy()
      do {
        await pauseUntil(ended)
        await this.#look().catch(() => {}) // an engine that does not answer says nothing of the container
      } while (!ended.aborted)
      await pauseUntil(signal)
    }
    await this.#parts.output.close()
    this.#parts.log.close()
  }

  /** Begins to copy its output. The signal aborts when there is no more, or nobody wants it. */
  #copy(): AbortSignal {
    const ended = new AbortController()
    this.#copying = this.#parts.output.copy().finally(() => ended.abort())
    return AbortSignal.any([this.#over.signal, ended.signal])
  }

  /** The container's present facts, undefined if it is gone; tells of the run's end if that is what they show. */
  async #look(): Promise<ContainerInspectInfo | undefined> {
    const { engine, container } = this.#parts
    const found = await engine.inspect(this.#id)
    const isSame = found?.State.StartedAt === container.State.StartedAt
    if (!(isSame && found.State.Running)) await this.#end(found)
    return found
  }

  async #end(found: ContainerInspectInfo | undefined): Promise<void> {
    if (this.#over.signal.aborted) return
    await within(LAST_WORDS_MS, this.#copying)
    this.#over.abort()
    this.#settle(found ? exitOf(found.State) : { code: null, signal: null })
  }
}

/** Not a race of promises: a run that lives for months would gather one reaction for each look. */
async function pauseUntil(signal: AbortSignal): Promise<void> {
  await sleep(LOOK_EVERY_MS, undefined, { ref: false, signal }).catch(() => {})
}

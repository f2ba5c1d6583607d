import { within } from '../abortable.js'
import type { BackendConfig } from '../config/config.js'
import type { Dialect } from '../dialects/dialect.js'
import { GatehouseError } from '../errors.js'
import { describeExit } from '../launchers/exit-words.js'
import { type Launcher, type Run, StartFailure } from '../launchers/launcher.js'
import { ActiveRun } from './active-run.js'
import { Backoff } from './backoff.js'
import { confirm, launch } from './launch.js'
import type { BackendRecorder, StartReport } from './recorder.js'
import { NEXT, type State } from './states.js'

export interface LifeParts {
  readonly launcher: Launcher
  readonly recorder: BackendRecorder
  /** How long running requests may take to end when the backend is stopped. */
  readonly drainTimeoutMs: number
  /** What must be over before the first start: the end of a backend that had this name before. */
  readonly after?: Promise<void>
}

/** Between two tries of a backend that is kept loaded, where no backoff says more. */
const SHORTEST_PAUSE_MS = 1_000

interface Starting {
  readonly work: Promise<void>
  readonly giveUp: AbortController
}

/**
 * The life of one backend: the only owner of its state, of its run and of what is left of the last one.
 * One change at a time; whoever asks for the same change shares it.
 */
export class Life {
  readonly #config: BackendConfig
  readonly #dialect: Dialect
  readonly #parts: LifeParts
  readonly #backoff = new Backoff()
  #state: State = 'stopped'
  #reason = 'not asked for yet'
  #active: ActiveRun | undefined
  #starting: Starting | undefined
  #stopping: Promise<void> | undefined
  #adopting: Promise<void> | undefined
  /** The end of the last run, which the next start waits for: never two processes at once. */
  #ending: Promise<void>
  #run: Run | undefined
  #refusal: GatehouseError | undefined

  constructor(config: BackendConfig, dialect: Dialect, parts: LifeParts) {
    this.#config = config
    this.#dialect = dialect
    this.#parts = parts
    this.#ending = parts.after ?? Promise.resolve()
  }

  /** Its run, while that is ready. */
  get ready(): ActiveRun | undefined {
    return this.#state === 'ready' ? this.#active : undefined
  }

  get isExternal(): boolean {
    return this.#parts.launcher.kind === 'external'
  }

  status() {
    return {
      state: this.#state,
      launcher: this.#parts.launcher.kind,
      inFlight: this.#active?.open ?? 0,
      reason: this.#reason,
      pid: this.#run?.pid,
    }
  }

  /** Throws what `refuse` was told. */
  checkOpen(): void {
    if (this.#refusal) throw this.#refusal
  }

  /** Counts a request in and returns the run to send it to; undefined when none is ready. */
  enter(): ActiveRun | undefined {
    this.checkOpen()
    const { ready } = this
    ready?.enter()
    return ready
  }

  /** Resolves when it is ready, starting it if it is down; rejects with a GatehouseError that says why not. */
  async whenReady(): Promise<void> {
    await this.#adopting
    while (this.#stopping !== undefined) await this.#stopping
    this.checkOpen()
    if (this.#state === 'ready') return
    if (!this.#starting) {
      this.#checkBackoff()
      this.#start((giveUp) => this.#launch(giveUp))
    }
    await this.#starting?.work
  }

  /** Begins to go on with what an earlier gateway left; whoever asks meanwhile waits until it has answered. */
  adopt(): Promise<void> {
    this.#adopting = this.#adopt()
    return this.#adopting
  }

  /** Nobody gets in any more, nor is anything started; who waits for a start hears of it at the stop that follows. */
  refuse(error: GatehouseError): void {
    this.#refusal = error
  }

  /** Lets running requests end (bounded) and stops it; or lets it go, for the next gateway to adopt. */
  stop(reason: string, how: 'end' | 'release' = 'end'): Promise<void> {
    this.#stopping ??= this.#stop(reason, how).finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  kill(): void {
    this.#run?.kill()
  }

  /** A backend that somebody else runs did not answer: the next ask looks again. */
  unreachable(active: ActiveRun): void {
    if (this.isExternal) this.#failed(active, 'it does not answer')
  }

  async #adopt(): Promise<void> {
    const run = await this.#parts.launcher.adopt()
    if (!run) return
    this.#start(async (giveUp) => {
      this.#run = run
      await confirm(run, { config: this.#config, dialect: this.#dialect, giveUp }).catch(
        (error) => {
          this.#backoff.forgiveNext() // what an earlier gateway left says nothing of a fresh start
          throw error
        },
      )
      return run
    })
  }

  #start(begin: (giveUp: AbortSignal) => Promise<Run>): void {
    const giveUp = new AbortController()
    this.#move('queued', 'asked for')
    const work = this.#bringUp(begin, giveUp.signal).finally(() => {
      this.#starting = undefined
    })
    work.catch(() => {}) // every waiter hears of it; without one it is in the log
    this.#starting = { work, giveUp }
  }

  #checkBackoff(): void {
    const remainingMs = this.#backoff.remainingMs(Date.now())
    if (remainingMs === 0) return
    const seconds = Math.ceil(remainingMs / 1000)
    throw new GatehouseError('GATEHOUSE_BACKING_OFF', {
      values: { backend: this.#config.name, seconds, reason: this.#reason },
      retryAfterSeconds: seconds,
    })
  }

  async #bringUp(begin: (giveUp: AbortSignal) => Promise<Run>, giveUp: AbortSignal): Promise<void> {
    const begun = Date.now()
    const report = (outcome: StartReport['outcome']) => {
      const durationMs = Date.now() - begun
      this.#parts.recorder.started({ backend: this.#config.name, outcome, durationMs })
    }
    try {
      await this.#endLast()
      giveUp.throwIfAborted()
      this.#move('starting', 'granted')
      const run = await begin(giveUp)
      giveUp.throwIfAborted()
      this.#becomeReady(run)
    } catch (error) {
      report(giveUp.aborted ? 'stopped' : 'failed')
      throw await this.#startFailed(error, giveUp)
    }
    report('ready')
  }

  /** What outlived its stop is tried to be ended once more: nothing is started beside it. */
  async #endLast(): Promise<void> {
    await this.#ending
    if (this.#run) await this.#end(this.#run)
    if (this.#run) throw new StartFailure('its last run could not be ended')
  }

  #launch(giveUp: AbortSignal): Promise<Run> {
    const ask = { config: this.#config, dialect: this.#dialect, giveUp }
    return launch(this.#parts.launcher, ask, (run) => {
      this.#run = run
    })
  }

  #becomeReady(run: Run): void {
    const active: ActiveRun = new ActiveRun(run, {
      config: this.#config,
      dialect: this.#dialect,
      onIdle: () => void this.stop('idle'),
      onDead: () => this.#failed(active, 'it answered no more'),
    })
    this.#active = active
    this.#move('ready', 'it answers')
    void run.exited.then((exit) => this.#failed(active, describeExit(exit)))
  }

  async #startFailed(error: unknown, giveUp: AbortSignal): Promise<unknown> {
    const output = (await this.#run?.lastOutput()) ?? []
    this.#ending = this.#end(this.#run)
    if (giveUp.aborted) return giveUp.reason
    const reason = error instanceof StartFailure ? error.message : 'an internal error'
    if (!this.isExternal) this.#backoff.startFailed(Date.now())
    this.#move('failed', reason, { cause: error, output })
    this.#reviveLater()
    return this.#startError(reason, error)
  }

  /** A run that was ready ended by itself, or is of no use any more. */
  #failed(active: ActiveRun, reason: string): void {
    if (active !== this.#active || this.#state !== 'ready') return
    if (!this.isExternal) {
      this.#backoff.crashed(Date.now(), active.upMs)
      this.#parts.recorder.crashed(this.#config.name)
    }
    this.#retire(active)
    this.#ending = this.#end(active.run, ['SIGKILL'])
    this.#move('failed', reason)
    this.#reviveLater()
  }

  /** What is kept loaded does not wait for an ask to come back. */
  #reviveLater(): void {
    if (!this.#config.keepLoaded || this.#refusal) return
    const pauseMs = Math.max(this.#backoff.remainingMs(Date.now()), SHORTEST_PAUSE_MS)
    setTimeout(() => {
      if (this.#state === 'failed') this.whenReady().catch(() => {}) // it is in the log
    }, pauseMs).unref()
  }

  async #stop(reason: string, how: 'end' | 'release'): Promise<void> {
    const starting = this.#starting
    const active = this.#active
    if (!NEXT[this.#state].includes('stopping')) return this.#ending
    this.#move('stopping', reason)
    if (active) await this.#letGo(active, how)
    else {
      starting?.giveUp.abort(this.#refusal ?? this.#startError(`it was stopped (${reason})`))
      await starting?.work.catch(() => {})
    }
    await this.#ending
    if (this.#run) this.#move('failed', 'something of it could not be ended')
    else this.#move('stopped', reason)
  }

  async #letGo(active: ActiveRun, how: 'end' | 'release'): Promise<void> {
    await within(this.#parts.drainTimeoutMs, active.drained())
    this.#backoff.stopped(active.upMs)
    this.#retire(active)
    if (how === 'end') this.#ending = this.#end(active.run)
    else {
      active.run.release()
      this.#run = undefined
    }
  }

  #retire(active: ActiveRun): void {
    this.#active = undefined
    active.retire()
  }

  /** Ends all that is left of a run, and says so in the log when that cannot be done. */
  async #end(run: Run | undefined, signals = this.#dialect.stopSignals): Promise<void> {
    if (!run) return
    const { name, stopTimeoutMs: timeoutMs } = this.#config
    try {
      await run.stop({ signals, timeoutMs })
      if (this.#run === run) this.#run = undefined
    } catch (cause) {
      this.#parts.recorder.leftBehind(name, cause)
    }
  }

  #startError(reason: string, cause?: unknown): GatehouseError {
    const values = { backend: this.#config.name, reason }
    return new GatehouseError('GATEHOUSE_START_FAILED', { values, cause })
  }

  #move(to: State, reason: string, facts: { cause?: unknown; output?: readonly string[] } = {}) {
    const from = this.#state
    if (!NEXT[from].includes(to)) throw new Error(`a backend cannot go from ${from} to ${to}`)
    this.#state = to
    this.#reason = reason
    const { name: backend } = this.#config
    this.#parts.recorder.moved({ backend, from, to, pid: this.#run?.pid, reason, ...facts })
  }
}

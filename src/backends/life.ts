import { setTimeout as delay } from 'node:timers/promises'
import type { BackendConfig } from '../config/config.js'
import type { Dialect } from '../dialects/dialect.js'
import { GatehouseError } from '../errors.js'
import { describeExit } from '../launchers/exit-words.js'
import { type Exit, type Launcher, type Run, StartFailure } from '../launchers/launcher.js'
import { ActiveRun } from './active-run.js'
import { Backoff } from './backoff.js'
import { IdleTimer } from './idle.js'
import { launch } from './launch.js'
import type { BackendRecorder } from './recorder.js'
import { NEXT, type State } from './states.js'

export interface LifeParts {
  readonly launcher: Launcher
  readonly recorder: BackendRecorder
  /** How long running requests may take to end when the backend is stopped. */
  readonly drainTimeoutMs: number
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
  readonly #idle: IdleTimer
  #state: State = 'stopped'
  #reason = 'not asked for yet'
  #active: ActiveRun | undefined
  #starting: { readonly work: Promise<void>; readonly giveUp: AbortController } | undefined
  #stopping: Promise<void> | undefined
  /** The end of the last run, which the next start waits for: never two processes at once. */
  #ending: Promise<void> = Promise.resolve()
  #run: Run | undefined
  #refusal: GatehouseError | undefined

  constructor(config: BackendConfig, dialect: Dialect, parts: LifeParts) {
    this.#config = config
    this.#dialect = dialect
    this.#parts = parts
    this.#idle = new IdleTimer(config.idleTimeoutMs, () => this.#stopForIdleness())
  }

  get isReady(): boolean {
    return this.#state === 'ready'
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

  /** Counts a request in and returns the run to send it to; undefined when none is ready. */
  enter(): ActiveRun | undefined {
    if (this.#refusal) throw this.#refusal
    if (this.#state !== 'ready' || !this.#active) return undefined
    this.#idle.stop()
    this.#active.enter()
    return this.#active
  }

  leave(active: ActiveRun): void {
    active.leave()
    if (active === this.#active && active.open === 0) this.#idle.start()
  }

  /** Resolves when it is ready, starting it if it is down; rejects with a GatehouseError that says why not. */
  async whenReady(): Promise<void> {
    if (this.#refusal) throw this.#refusal
    while (this.#stopping !== undefined) await this.#stopping
    if (this.#state === 'ready') return
    if (!this.#starting) this.#start()
    await this.#starting?.work
  }

  refuse(error: GatehouseError): void {
    this.#refusal = error
  }

  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#stop(reason).finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  kill(): void {
    this.#run?.kill()
  }

  /** A backend that somebody else runs did not answer: the next ask looks again. */
  unreachable(active: ActiveRun): void {
    if (this.#parts.launcher.kind !== 'external' || active !== this.#active) return
    this.#retire(active)
    this.#move('failed', 'it does not answer')
  }

  #start(): void {
    this.#checkBackoff()
    const giveUp = new AbortController()
    this.#move('queued', 'asked for')
    const work = this.#bringUp(giveUp.signal).finally(() => {
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

  async #bringUp(giveUp: AbortSignal): Promise<void> {
    const begun = Date.now()
    const report = (outcome: 'ready' | 'failed' | 'stopped') =>
      this.#parts.recorder.started({
        backend: this.#config.name,
        outcome,
        durationMs: Date.now() - begun,
      })
    try {
      await this.#ending
      giveUp.throwIfAborted()
      this.#move('starting', 'granted')
      const ask = { config: this.#config, dialect: this.#dialect, giveUp }
      this.#becomeReady(await launch(this.#parts.launcher, ask, (run) => this.#own(run)))
      report('ready')
    } catch (error) {
      report(giveUp.aborted ? 'stopped' : 'failed')
      throw await this.#startFailed(error, giveUp)
    }
  }

  #own(run: Run): void {
    this.#run = run
  }

  #becomeReady(run: Run): void {
    const active = new ActiveRun(run, this.#config, this.#dialect)
    this.#active = active
    this.#move('ready', 'it answers')
    this.#idle.start()
    void run.exited.then((exit) => this.#exited(active, exit))
  }

  async #startFailed(error: unknown, giveUp: AbortSignal): Promise<unknown> {
    const run = this.#run
    const output = (await run?.lastOutput()) ?? []
    this.#ending = this.#end(run)
    if (giveUp.aborted) return giveUp.reason
    const reason = error instanceof StartFailure ? error.message : 'an internal error'
    if (this.#parts.launcher.kind === 'process') this.#backoff.startFailed(Date.now())
    this.#move('failed', reason, { cause: error, output })
    return new GatehouseError('GATEHOUSE_START_FAILED', {
      values: { backend: this.#config.name, reason },
      cause: error,
    })
  }

  #exited(active: ActiveRun, exit: Exit): void {
    if (active !== this.#active || this.#state !== 'ready') return
    this.#backoff.crashed(Date.now(), Date.now() - active.readyAtMs)
    this.#retire(active)
    this.#ending = this.#end(active.run)
    this.#parts.recorder.crashed(this.#config.name)
    this.#move('failed', describeExit(exit))
  }

  async #stop(reason: string): Promise<void> {
    const starting = this.#starting
    const active = this.#active
    if (starting || active) this.#move('stopping', reason)
    if (starting) {
      starting.giveUp.abort(this.#refusal ?? this.#stoppedError(reason))
      await starting.work.catch(() => {})
    }
    if (active) {
      this.#idle.stop()
      await Promise.race([
        active.drained(),
        delay(this.#parts.drainTimeoutMs, undefined, { ref: false }),
      ])
      this.#retire(active)
      this.#ending = this.#end(active.run)
    }
    await this.#ending
    if (this.#state === 'stopping') this.#move('stopped', reason)
  }

  /** No new request goes there; those on it end as its sockets do. */
  #retire(active: ActiveRun): void {
    this.#active = undefined
    this.#idle.stop()
    active.upstream.close().catch(() => {})
  }

  /** Ends all that is left of a run, and says so in the log when that cannot be done. */
  async #end(run: Run | undefined): Promise<void> {
    if (!run) return
    const recipe = {
      signals: this.#dialect.stopSignals,
      timeoutMs: this.#config.stopTimeoutMs,
    }
    await run
      .stop(recipe)
      .catch((cause) => this.#parts.recorder.leftBehind(this.#config.name, cause))
    if (this.#run === run) this.#run = undefined
  }

  #stopForIdleness(): void {
    if (this.#state === 'ready' && this.#active?.open === 0) void this.stop('idle')
  }

  #stoppedError(reason: string): GatehouseError {
    return new GatehouseError('GATEHOUSE_START_FAILED', {
      values: { backend: this.#config.name, reason: `it was stopped (${reason})` },
    })
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

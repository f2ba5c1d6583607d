import { abortable, within } from '../abortable.js'
import type { BackendConfig } from '../config/config.js'
import type { Dialect } from '../dialects/dialect.js'
import type { GatehouseError } from '../errors.js'
import { describeExit } from '../launchers/exit-words.js'
import type { Exit, Launcher, Run } from '../launchers/launcher.js'
import type { BackendMemory } from '../memory/backend-memory.js'
import { ActiveRun, type HowToStop } from './active-run.js'
import { Backoff } from './backoff.js'
import { LastRun } from './last-run.js'
import { confirm, launch } from './launch.js'
import { type BackendRecorder, timedStart } from './recorder.js'
import {
  backingOff,
  noMemory,
  type Refused,
  reasonOf,
  startFailed,
  wasStopped,
} from './refusals.js'
import { kept, Starting, type Waiter } from './starting.js'
import { NEXT, type State } from './states.js'

export interface LifeParts {
  readonly launcher: Launcher
  readonly recorder: BackendRecorder
  readonly memory: BackendMemory
  /** How long running requests may take to end when the backend is stopped. */
  readonly drainTimeoutMs: number
  /** What must be over before the first start: the end of a backend that had this name before. */
  readonly after?: Promise<void>
}

/** Between two tries of a backend that is kept loaded, where no backoff says more. */
const SHORTEST_PAUSE_MS = 1_000

interface BringUp {
  readonly begin: (giveUp: AbortSignal) => Promise<Run>
  readonly giveUp: AbortSignal
  /** To be told when nothing is waited for but the backend itself. */
  readonly granted: () => void
  readonly askedAtMs: number | undefined
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
  readonly #last: LastRun
  #refusal: GatehouseError | undefined

  constructor(config: BackendConfig, dialect: Dialect, parts: LifeParts) {
    this.#config = config
    this.#dialect = dialect
    this.#parts = parts
    this.#last = new LastRun({ ...parts, config, dialect })
  }

  /** Its run, while that is ready. */
  get ready(): ActiveRun | undefined {
    return this.#state === 'ready' ? this.#active : undefined
  }

  get inFlight(): number {
    return this.#active?.open ?? 0
  }

  get isExternal(): boolean {
    return this.#parts.launcher.kind === 'external'
  }

  status() {
    return {
      state: this.#state,
      launcher: this.#parts.launcher.kind,
      inFlight: this.inFlight,
      reason: this.#reason,
      pid: this.#last.run?.pid,
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

  /**
   * Resolves when it is ready, starting it if it is down; rejects with a GatehouseError that says why not. Who leaves
   * is forgotten: a start that nobody waits for is dropped while it waits for memory.
   */
  async whenReady(waiter: Waiter): Promise<void> {
    if (this.#adopting !== undefined) await abortable(this.#adopting, waiter.signal)
    while (this.#stopping !== undefined) await abortable(this.#stopping, waiter.signal)
    this.checkOpen()
    if (this.#state === 'ready') return
    if (!this.#starting) {
      const remainingMs = this.#backoff.remainingMs(Date.now())
      if (remainingMs > 0) throw backingOff(this.#refused, remainingMs, this.#reason)
      this.#start((giveUp) => this.#launch(giveUp), waiter.askedAtMs)
    }
    await this.#starting?.join(waiter)
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

  /** Lets running requests end (bounded, but for `when done`) and stops it; or lets it go, for another to adopt. */
  stop(reason: string, how: HowToStop = 'end'): Promise<void> {
    if (how !== 'when done') this.#active?.hurry()
    this.#stopping ??= this.#stop(reason, how).finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  kill(): void {
    this.#last.run?.kill()
  }

  /** A backend that somebody else runs did not answer: the next ask looks again. */
  unreachable(active: ActiveRun): void {
    if (this.isExternal) this.#failed(active, 'it does not answer')
  }

  async #adopt(): Promise<void> {
    const run = await this.#parts.launcher.adopt()
    if (!run) return
    this.#last.own(run)
    if (!(await this.#parts.memory.take())) {
      await this.#last.clear()
      return
    }
    this.#start(async (giveUp) => {
      await confirm(run, { config: this.#config, dialect: this.#dialect, giveUp }).catch(
        (error) => {
          this.#backoff.forgiveNext() // what an earlier gateway left says nothing of a fresh start
          throw error
        },
      )
      return run
    })
  }

  /** `askedAtMs`: since when it is waited for; undefined: what it needs, it has. */
  #start(begin: (giveUp: AbortSignal) => Promise<Run>, askedAtMs?: number): void {
    this.#move('queued', 'asked for')
    const starting: Starting = new Starting(
      (giveUp, granted) =>
        this.#bringUp({ begin, giveUp, granted, askedAtMs }).finally(() => {
          this.#starting = undefined
        }),
      { onAbandoned: () => this.#abandon(), refusal: () => this.memoryRefusal() },
    )
    this.#starting = starting
  }

  #abandon(): void {
    if (this.#state === 'queued') void this.stop('nobody waits for it any more')
  }

  async #bringUp({ begin, giveUp, granted, askedAtMs }: BringUp): Promise<void> {
    const report = timedStart(this.#parts.recorder, this.#config.name)
    try {
      if (askedAtMs !== undefined) await this.#last.makeWay(askedAtMs, giveUp)
      giveUp.throwIfAborted()
      this.#move('starting', 'granted')
      granted()
      const run = await begin(giveUp)
      giveUp.throwIfAborted()
      this.#becomeReady(run)
    } catch (error) {
      report(giveUp.aborted ? 'stopped' : 'failed')
      throw await this.#startFailed(error, giveUp)
    }
    report('ready')
  }

  #launch(giveUp: AbortSignal): Promise<Run> {
    const { memory, launcher } = this.#parts
    const ask = { config: this.#config, dialect: this.#dialect, giveUp, env: memory.env }
    return launch(launcher, ask, {
      own: (run) => this.#last.own(run),
      makeRoom: () => this.#last.makeMoreRoom(),
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
    this.#parts.memory.ready(run.pid)
    void run.exited.then((exit) => this.#failed(active, describeExit(exit), exit))
  }

  async #startFailed(error: unknown, giveUp: AbortSignal): Promise<unknown> {
    const output = await this.#last.outputOf(error)
    const refusal = startFailed(this.#refused, error)
    void this.#last.clear()
    if (giveUp.aborted) return giveUp.reason
    if (!this.isExternal) this.#backoff.startFailed(Date.now())
    this.#move('failed', reasonOf(error), { cause: error, output })
    this.#reviveLater()
    return refusal
  }

  /** A run that was ready ended by itself, or is of no use any more. */
  #failed(active: ActiveRun, reason: string, exit?: Exit): void {
    if (active !== this.#active || this.#state !== 'ready') return
    if (!this.isExternal) {
      this.#backoff.crashed(Date.now(), active.upMs)
      this.#parts.recorder.crashed(this.#config.name)
    }
    this.#retire(active)
    void this.#last.bury(exit)
    this.#move('failed', reason)
    this.#reviveLater()
  }

  /** What is kept loaded does not wait for an ask to come back. */
  #reviveLater(): void {
    if (!this.#config.keepLoaded || this.#refusal) return
    const pauseMs = Math.max(this.#backoff.remainingMs(Date.now()), SHORTEST_PAUSE_MS)
    setTimeout(() => {
      if (this.#state === 'failed') this.whenReady(kept()).catch(() => {}) // it is in the log
    }, pauseMs).unref()
  }

  async #stop(reason: string, how: HowToStop): Promise<void> {
    const starting = this.#starting
    const active = this.#active
    if (!NEXT[this.#state].includes('stopping')) return this.#last.ended
    this.#move('stopping', reason)
    if (how === 'when done') await active?.undisturbed()
    this.#parts.memory.leaving()
    if (active) await this.#letGo(active, how)
    else await starting?.giveUp(this.#refusal ?? wasStopped(this.#refused, reason))
    await this.#last.ended
    if (this.#last.run) this.#move('failed', 'something of it could not be ended')
    else this.#move('stopped', reason)
  }

  async #letGo(active: ActiveRun, how: HowToStop): Promise<void> {
    await within(this.#parts.drainTimeoutMs, active.drained())
    this.#backoff.stopped(active.upMs)
    this.#retire(active)
    if (how !== 'release') return void this.#last.clear()
    active.run.release()
    this.#last.forget()
  }

  #retire(active: ActiveRun): void {
    this.#active = undefined
    active.retire()
  }

  /** What one is told who waited for its memory for too long. */
  memoryRefusal(): GatehouseError {
    return noMemory(this.#refused)
  }

  get #refused(): Refused {
    return { name: this.#config.name, memory: this.#parts.memory }
  }

  #move(to: State, reason: string, facts: { cause?: unknown; output?: readonly string[] } = {}) {
    const from = this.#state
    if (!NEXT[from].includes(to)) throw new Error(`a backend cannot go from ${from} to ${to}`)
    this.#state = to
    this.#reason = reason
    const { name: backend } = this.#config
    this.#parts.recorder.moved({ backend, from, to, pid: this.#last.run?.pid, reason, ...facts })
  }
}

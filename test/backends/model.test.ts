import { mock } from 'node:test'
import fc from 'fast-check'
import t from 'tap'
import type { Lease } from '../../src/backends/lease.js'
import { GatehouseError } from '../../src/errors.js'
import { StartFailure } from '../../src/launchers/launcher.js'
import { ASK, illegalMoves, type Stage, stageBackend, startProbe } from '../helpers/backend.js'
import type { FakeRun } from '../helpers/fake-launcher.js'
import { until } from '../helpers/until.js'

const LONG_MS = 3_600_000
const left = new Error('left')

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('lease', 'leaseOutside', 'leaseAwake') },
  { weight: 5, arbitrary: fc.constant('end') },
  { weight: 4, arbitrary: fc.constantFrom('turn', 'settle') },
  { weight: 2, arbitrary: fc.constantFrom('leave', 'stop', 'crash', 'start') },
  { weight: 1, arbitrary: fc.constantFrom('break', 'mend', 'wind', 'slowStop', 'quickStop') },
)
type Step = typeof step extends fc.Arbitrary<infer Name> ? Name : never

interface Ask {
  readonly leaver: AbortController
  readonly settled: Promise<void>
  isSettled: boolean
  lease: Lease | undefined
  /** The run that it was given for. */
  run: FakeRun | undefined
}

/** A backend beside a list of all who ever asked for it. */
class Model {
  readonly #stage: Stage
  readonly #asks: Ask[] = []
  readonly #others: Promise<unknown>[] = []
  #nowMs = Date.now()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  async take(step: Step, which: number): Promise<void> {
    const { backend, launcher } = this.#stage
    const steps: Record<string, () => unknown> = {
      lease: () => this.#ask({ client: String(which) }),
      leaseOutside: () => this.#ask({ lane: false }),
      leaseAwake: () => this.#ask({ wake: false }),
      end: () => this.#end(pick(this.#open, which)),
      leave: () => pick(this.#waiting, which)?.leaver.abort(left),
      stop: () => this.#stop(),
      start: () => this.#others.push(backend.start(ASK.signal).catch(() => {})),
      crash: () => pick(launcher.living, 0)?.exit(),
      break: () => {
        launcher.startError = new StartFailure('broken')
      },
      mend: () => {
        launcher.startError = undefined
      },
      wind: () => {
        this.#nowMs += LONG_MS
        mock.timers.setTime(this.#nowMs)
      },
      slowStop: () => launcher.stopGate.shut(),
      quickStop: () => launcher.stopGate.open(),
      turn: () => new Promise(setImmediate),
      settle: () => this.#settle(),
    }
    await steps[step]?.()
    this.#check()
  }

  /** Ends all leases and closes the backend; everybody must have been answered then, and nothing live. */
  async close(): Promise<void> {
    const { backend, launcher } = this.#stage
    launcher.stopGate.open()
    if (backend.status().state === 'failed') await new Promise(setImmediate)
    backend.refuse(new GatehouseError('GATEHOUSE_STOPPING'))
    const closed = backend.stop('shutdown')
    await until('all are answered', () => {
      for (const ask of this.#open) this.#end(ask)
      return this.#asks.every(({ isSettled }) => isSettled)
    })
    await Promise.all([closed, ...this.#others])
    this.#check()
    const { inFlight, waiting, state } = backend.status()
    if (inFlight + waiting > 0) throw new Error('something is still counted')
    if (launcher.living.length > 0) throw new Error('something lives after the close')
    if (state !== 'stopped' && state !== 'failed') throw new Error(`it is ${state} in the end`)
  }

  /** In the tick of a failure a stop makes an illegal move: the test of that is in stop-ticks.test.ts. */
  async #stop(): Promise<void> {
    if (this.#stage.state() === 'failed') await new Promise(setImmediate)
    this.#others.push(this.#stage.backend.stop('asked by the user'))
  }

  get #open(): Ask[] {
    return this.#asks.filter(({ lease }) => lease !== undefined)
  }

  get #waiting(): Ask[] {
    return this.#asks.filter(({ isSettled }) => !isSettled)
  }

  #ask(how: object): void {
    const leaver = new AbortController()
    const asked = this.#stage.lease({ ...how, signal: leaver.signal })
    const settled = asked.then(
      (lease) => {
        Object.assign(ask, { lease, isSettled: true, run: this.#stage.launcher.last })
      },
      () => {
        ask.isSettled = true
      },
    )
    const ask: Ask = { leaver, settled, isSettled: false, lease: undefined, run: undefined }
    this.#asks.push(ask)
  }

  #end(ask: Ask | undefined): void {
    ask?.lease?.end()
    ask?.lease?.end()
    if (ask) ask.lease = undefined
  }

  /** Waits until nothing more happens by itself. */
  async #settle(): Promise<void> {
    const { stopGate } = this.#stage.launcher
    stopGate.open()
    await until('it has come to rest', () => {
      const state = this.#stage.state()
      return !(state === 'queued' || state === 'starting') && !this.#isEnding(state)
    })
  }

  #isEnding(state: string): boolean {
    return state === 'stopping' && this.#open.length === 0
  }

  #check(): void {
    const { backend, launcher, moves } = this.#stage
    if (launcher.most > 1) throw new Error('two runs lived at once')
    const illegal = illegalMoves(moves)
    if (illegal.length > 0) throw new Error(`illegal: ${illegal.join()}`)
    const { state, inFlight } = backend.status()
    const counted = this.#open.filter(({ run }) => run === launcher.runs.at(-1)).length
    // A lease may have been granted in this tick, and its asker not yet been told.
    const unheard = this.#waiting.length
    if (state === 'ready' && (inFlight < counted || inFlight > counted + unheard)) {
      throw new Error(`${inFlight} are counted, ${counted} are open`)
    }
  }
}

function pick<T>(among: readonly T[], which: number): T | undefined {
  return among[which % Math.max(among.length, 1)]
}

t.test(
  'whatever is asked, ended, stopped and broken, no run is doubled and no ask is lost',
  async (t) => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() })
    t.teardown(() => mock.timers.reset())
    const probe = await startProbe(t)
    const steps = fc.array(fc.tuple(step, fc.nat(4)), { minLength: 5, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(3), async (taken, concurrency) => {
        const stage = await stageBackend(t, { probe, settings: { concurrency, queueLimit: 5 } })
        const model = new Model(stage)
        for (const [name, which] of taken) await model.take(name, which)
        await model.close()
      }),
      { numRuns: 80 },
    )
  },
)

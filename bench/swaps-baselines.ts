import type { Clock } from '../src/memory/devices/clock.js'
import { WORKLOADS, type Workload } from './swaps-trace.js'
import { type AskOf, type BackendModel, type Card, type Policy, sleep } from './swaps-world.js'

interface Resident extends BackendModel {
  readonly workload: Workload
  state: 'stopped' | 'loading' | 'ready' | 'stopping'
  isBusy: boolean
  usedAtMs: number
}

interface Waiting extends AskOf {
  readonly begin: () => void
}

/** What two plain ways to serve have in common: one request at a time for each backend, and who goes is the oldest. */
abstract class Baseline implements Policy {
  loads = 0
  protected readonly line: Waiting[] = []
  readonly #clock: Clock
  readonly #card: Card
  readonly #backends: readonly Resident[]

  constructor(card: Card, clock: Clock) {
    this.#clock = clock
    this.#card = card
    this.#backends = WORKLOADS.map((workload) => {
      return { ...card.backends[workload], workload, state: 'stopped', isBusy: false, usedAtMs: 0 }
    })
  }

  /** Something changed: who can go, goes. */
  protected abstract look(): void

  async serve(ask: AskOf): Promise<number> {
    await new Promise<void>((begin) => {
      this.line.push({ ...ask, begin })
      this.look()
    })
    const begun = this.#clock.now()
    await sleep(this.#clock, ask.serviceMs)
    const backend = this.of(ask)
    backend.isBusy = false
    backend.usedAtMs = this.#clock.now()
    this.look()
    return begun
  }

  protected of({ workload }: AskOf): Resident {
    return this.#backends.find((backend) => backend.workload === workload)!
  }

  /** Begins what waits if its backend is free to serve it; false: it is not. */
  protected begin(waiting: Waiting): boolean {
    const backend = this.of(waiting)
    if (backend.state !== 'ready' || backend.isBusy) return false
    backend.isBusy = true
    this.line.splice(this.line.indexOf(waiting), 1)
    waiting.begin()
    return true
  }

  /** Loads it if there is room, else has idle ones stopped for it, the least recently used first. */
  protected bring(backend: Resident): void {
    if (this.#left(['loading', 'ready', 'stopping']) >= backend.memory) {
      void this.#load(backend)
      return
    }
    const idle = this.#backends
      .filter(({ state, isBusy }) => state === 'ready' && !isBusy)
      .sort((a, b) => a.usedAtMs - b.usedAtMs)
    for (const one of idle) {
      if (this.#left(['loading', 'ready']) >= backend.memory) return
      void this.#stop(one)
    }
  }

  #left(states: readonly Resident['state'][]): number {
    const there = this.#backends.filter(({ state }) => states.includes(state))
    return this.#card.memory - there.reduce((total, { memory }) => total + memory, 0)
  }

  async #load(backend: Resident): Promise<void> {
    this.loads += 1
    backend.state = 'loading'
    await sleep(this.#clock, backend.loadMs)
    backend.state = 'ready'
    backend.usedAtMs = this.#clock.now()
    this.look()
  }

  async #stop(backend: Resident): Promise<void> {
    backend.state = 'stopping'
    await sleep(this.#clock, backend.stopMs)
    backend.state = 'stopped'
    this.look()
  }
}

/** Strictly in the order of arrival, over all backends. */
export class FirstCome extends Baseline {
  protected look(): void {
    for (let [first] = this.line; first; [first] = this.line) {
      if (this.begin(first)) continue
      const backend = this.of(first)
      if (backend.state === 'stopped') this.bring(backend)
      return
    }
  }
}

/** Whose backend is there goes at once; for the others, in their order, the least recently used idle one makes room. */
export class LruOnDemand extends Baseline {
  protected look(): void {
    for (const waiting of [...this.line]) this.begin(waiting)
    const missing = new Set(this.line.map((waiting) => this.of(waiting)))
    for (const backend of missing) {
      if (backend.state === 'stopped') this.bring(backend)
      // Until this one has its memory, nobody behind it may take what becomes free.
      if (backend.state === 'stopped' || backend.state === 'stopping') return
    }
  }
}

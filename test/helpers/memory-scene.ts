import { Departure } from '../../src/departure.js'
import type { Amounts } from '../../src/memory/amounts.js'
import type { Grant, Holder, SchedulerLimits } from '../../src/memory/grant.js'
import type { EvictionReason } from '../../src/memory/recorder.js'
import { Scheduler } from '../../src/memory/scheduler.js'
import { FakeClock, settled } from './fake-clock.js'

/** A backend as the scheduler sees it, whose work is said by hand. */
export class HandHolder implements Holder {
  readonly name: string
  staysLoaded = false
  /** Requests that run, and such that only wait for their turn. */
  running = 0
  waiting = 0
  cost = 1
  readonly evictions: EvictionReason[] = []
  onEvict = () => {}

  constructor(name: string) {
    this.name = name
  }

  isIdle(isYielding: boolean): boolean {
    return this.running === 0 && (isYielding || this.waiting === 0)
  }

  /** Until when somebody is expected back. */
  expected = 0

  expectedUntilMs(): number {
    return this.expected
  }

  returnCost(): number {
    return this.cost
  }

  evict(reason: EvictionReason): void {
    this.evictions.push(reason)
    this.onEvict()
  }
}

export interface HandAsk {
  readonly priority?: number
  readonly askedAtMs?: number
}

/** One who waits for memory, and whether it has come. */
export class Asked {
  readonly #departure = new Departure()
  grant: Grant | undefined
  error: unknown

  constructor(reserve: (signal: Departure) => Promise<Grant>) {
    reserve(this.#departure).then(
      (grant) => {
        this.grant = grant
      },
      (error) => {
        this.error = error
      },
    )
  }

  leave(): void {
    this.#departure.leave(new Error('left'))
  }
}

/** A scheduler of one card of ten, and whatever else its room is set to. */
export class MemoryScene {
  readonly clock = new FakeClock()
  readonly scheduler: Scheduler
  room: Record<string, number> = { gpu0: 10 }
  seen: Record<string, Amounts> = {}
  /** Resolves what waits for the driver; undefined: the driver shows it at once. */
  settle: Promise<void> | undefined

  constructor(limits: Partial<SchedulerLimits> = {}) {
    this.scheduler = new Scheduler({
      clock: this.clock,
      limits: { minResidencyMs: 5, patienceMs: 100, ...limits },
      room: () => this.room,
      seen: (name) => this.seen[name] ?? {},
      settled: async () => this.settle,
    })
  }

  ask(holder: Holder, need: number | readonly Amounts[], ask: HandAsk = {}): Asked {
    const placements = typeof need === 'number' ? [{ gpu0: need }] : need
    const { priority = 0, askedAtMs = this.clock.now() } = ask
    return new Asked((signal) =>
      this.scheduler.reserve({ holder, placements, priority, askedAtMs }, signal),
    )
  }

  /** Loaded, and no longer young. */
  async resident(name: string, need: number | readonly Amounts[]) {
    const holder = new HandHolder(name)
    const { grant } = await this.granted(this.ask(holder, need))
    grant.ready()
    await this.pass(5)
    return { holder, grant }
  }

  async granted(asked: Asked): Promise<{ grant: Grant }> {
    await settled()
    const { grant } = asked
    if (!grant) throw new Error('it was not granted')
    return { grant }
  }

  /** Who has memory, in the order in which it was given. */
  get holders(): string[] {
    return [...this.scheduler.reserved().keys()]
  }

  get line(): string[] {
    return this.scheduler.waiting().map(({ holder }) => holder.name)
  }

  async pass(ms: number): Promise<void> {
    await this.clock.pass(ms)
    await settled()
  }
}

import type { Amounts } from './amounts.js'
import type { Tenant } from './plan.js'
import type { EvictionReason } from './recorder.js'

/** Who holds memory, as the scheduler needs to know it. */
export interface Holder {
  readonly name: string
  /** Never stopped to make room for another. */
  readonly staysLoaded: boolean
  /** Whether nobody uses it in this tick; `isYielding`: those who only wait for their turn do not count. */
  isIdle(isYielding: boolean): boolean
  /** Until when those who used it are to be expected back, if within so many milliseconds; by the scheduler's clock. */
  expectedUntilMs(mostMs: number): number
  /** What it costs that it has to come back: above 0; milliseconds of its start, weighed by how much it is used. */
  returnCost(): number
  /** Begins to stop it, in this tick; its grant is released when nothing of it lives. */
  evict(reason: EvictionReason): void
}

/** Where a grant stands: its holder loads, may be used, is being stopped, or could not be stopped. */
type Phase = 'starting' | 'ready' | 'leaving' | 'stuck'

/** Memory that was given to a backend, until it is released. */
export interface Grant {
  readonly amounts: Amounts
  /** It turned out to need no more than this: the rest is for others. */
  shrink(amounts: Amounts): void
  /** The backend answers, and the devices show it: from now on it is there for at least the minimum residency. */
  ready(): void
  /** It is being stopped, for whatever reason. */
  leaving(): void
  /** Nothing of it lives. Resolves when others may count with the memory: when the driver shows it, in the usual case. */
  release(): Promise<void>
  /** Something of it lives on, though it was to end. */
  stuck(): void
}

export interface SchedulerLimits {
  /** How long a backend that became ready is not stopped for another, in milliseconds. */
  readonly minResidencyMs: number
  /** How long one waits until those in its way get no new requests. */
  readonly patienceMs: number
}

/** Who looks at a holder, and in which case. */
export interface SeenBy {
  readonly isYielding: boolean
  /** One who has waited long enough: it does not wait for those who may come back. */
  readonly isOverdue: boolean
}

/** What is held by one holder: a reservation with the facts that the plan asks for. */
export class Reservation {
  readonly holder: Holder
  amounts: Amounts
  /** Resolves with true when nothing is held any more, or with false: it could not be stopped. */
  readonly gone: Promise<boolean>
  readonly #ran: boolean
  #phase: Phase = 'starting'
  #readyAtMs = 0
  #end = (_isGone: boolean) => {}

  /** `ran`: it has loaded already, under an earlier gateway. */
  constructor(holder: Holder, amounts: Amounts, ran: boolean) {
    this.holder = holder
    this.amounts = amounts
    this.#ran = ran
    this.gone = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  end(): void {
    this.#end(true)
  }

  /** It has loaded what it needs. */
  get hasLoaded(): boolean {
    return this.#ran || this.#phase !== 'starting'
  }

  ready(nowMs: number): void {
    if (this.#phase !== 'starting') return // it was stopped or ended just now
    this.#phase = 'ready'
    this.#readyAtMs = nowMs
  }

  leave(): void {
    this.#phase = 'leaving'
  }

  stuck(): void {
    this.#phase = 'stuck'
    this.#end(false)
  }

  /** Whether it has been there for long enough that it may be stopped for another. */
  isOld(nowMs: number, { minResidencyMs }: SchedulerLimits): boolean {
    return this.#phase === 'ready' && nowMs >= this.#readyAtMs + minResidencyMs
  }

  /** The times at which time alone may let it be stopped; none where that is no question of time. */
  turnsIdleAtMs({ minResidencyMs, patienceMs }: SchedulerLimits): number[] {
    if (this.#phase !== 'ready') return []
    return [this.#readyAtMs + minResidencyMs, this.holder.expectedUntilMs(patienceMs)]
  }

  is(nowMs: number, { minResidencyMs, patienceMs }: SchedulerLimits, seen: SeenBy): Tenant['is'] {
    const { holder } = this
    if (this.#phase === 'leaving') return 'leaving'
    if (this.#phase === 'stuck' || holder.staysLoaded) return 'fixed'
    if (this.#phase === 'starting' || !holder.isIdle(seen.isYielding)) return 'busy'
    const expectedUntilMs = seen.isOverdue ? 0 : holder.expectedUntilMs(patienceMs)
    return nowMs < Math.max(this.#readyAtMs + minResidencyMs, expectedUntilMs) ? 'young' : 'idle'
  }
}

import { abortable } from '../abortable.js'
import type { Leaving } from '../departure.js'
import { type Amounts, isEmpty, known, least, most, shortage, sum } from './amounts.js'
import type { Clock } from './devices/clock.js'
import { type Grant, type Holder, Reservation } from './grant.js'
import { Line, type MemoryAsk, type Waiting } from './line.js'
import { Passes } from './passes.js'
import { type Plan, plan, type Tenant } from './plan.js'
import type { EvictionReason } from './recorder.js'

export interface SchedulerLimits {
  /** How long a backend that became ready is not stopped for another, in milliseconds. */
  readonly minResidencyMs: number
  /** How long one waits until those in its way get no new requests. */
  readonly patienceMs: number
}

export interface SchedulerParts {
  readonly clock: Clock
  readonly limits: SchedulerLimits
  /** What all backends together may have now, by device; a device that is not in it has no limit. */
  room(): Amounts
  /** What a holder was seen to hold. */
  seen(name: string): Amounts
  /** Resolves when the memory of what has ended is back, as the driver shows it; bounded. */
  settled(name: string): Promise<void>
}

/** What being asked to yield makes a holder cheaper, so that it is not another that yields a moment later. */
const YIELDING_DISCOUNT = 4

/**
 * Who has memory and who is next: the only caller of `plan` and the only one that changes what is reserved.
 * Decides whenever something changed, and all at once, so that no decision is made on what was true before.
 */
export class Scheduler {
  readonly #parts: SchedulerParts
  readonly #line = new Line()
  readonly #reservations = new Map<string, Reservation>()
  readonly #passes = new Passes()
  #limits: SchedulerLimits
  #isLooking = false
  #mustLookAgain = false
  #isClosing = false
  #callOff = () => {}

  constructor(parts: SchedulerParts) {
    this.#parts = parts
    this.#limits = parts.limits
  }

  get isAnybodyWaiting(): boolean {
    return this.#line.size > 0
  }

  /** The names of those who wait, in the order in which they are to have memory. */
  waiting(): MemoryAsk[] {
    const { patienceMs } = this.#limits
    return this.#line.inOrder(this.#parts.clock.now(), patienceMs).map(({ ask }) => ask)
  }

  /** By name, what is reserved. */
  reserved(): ReadonlyMap<string, Pick<Reservation, 'amounts' | 'hasLoaded'>> {
    return this.#reservations
  }

  /** Everybody who has memory, as the plan sees it. */
  tenants(): Tenant[] {
    return this.#tenants()
  }

  /** What to do about this ask if it were made now. */
  foresee(ask: MemoryAsk): Plan {
    return plan(ask, this.#parts.room(), this.#tenants())
  }

  /**
   * Resolves with memory as soon as it is this one's turn and there is enough, for which idle holders are stopped.
   * Rejects with the signal's reason once that aborts; then nothing is held.
   */
  reserve(ask: MemoryAsk, signal: Leaving): Promise<Grant> {
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#line.leave(waiting)
        reject(signal.reason)
        this.look()
      }
      const grant = (granted: Grant) => {
        signal.removeEventListener('abort', leave)
        resolve(granted)
      }
      const waiting: Waiting = { ask, signal, hasClaim: false, grant }
      signal.addEventListener('abort', leave, { once: true })
      this.#line.join(waiting)
      this.look()
    })
  }

  /**
   * The memory of what runs already, and is counted as used by its device; undefined: it is more than there is beside
   * what is reserved.
   */
  take(holder: Holder, placements: readonly Amounts[]): Grant | undefined {
    for (const amounts of placements) {
      const grant = this.#grant(holder, amounts, true)
      const room = this.#parts.room()
      const taken = sum([...this.#reservations.values()].map((one) => one.amounts))
      if (isEmpty(shortage(known(taken, room), room))) return grant
      this.#reservations.delete(holder.name)
    }
    return undefined
  }

  /**
   * Stops the cheapest idle holder of any of these devices, and resolves when its memory is back; false: there is
   * none, or it could not be stopped.
   */
  async freeOne(devices: readonly string[], reason: EvictionReason): Promise<boolean> {
    const isOfUse = ({ is, amounts }: Tenant) =>
      is === 'idle' && devices.some((device) => (amounts[device] ?? 0) > 0)
    const [cheapest] = this.#tenants()
      .filter(isOfUse)
      .sort((a, b) => a.cost - b.cost)
    const reservation = cheapest && this.#reservations.get(cheapest.name)
    if (!reservation) return false
    this.#evict(reservation.holder.name, reason)
    return reservation.gone
  }

  /** Whether new requests for this one must let an older ask for its memory go first. */
  mustYield(name: string): boolean {
    return this.#passes.isShut(name)
  }

  /** Resolves once new requests for this one need not yield any more. Rejects with the signal's reason. */
  whenMayPass(name: string, signal: Leaving): Promise<void> {
    return abortable(this.#passes.opened(name), signal)
  }

  /** Something changed that may let somebody have memory. */
  look(): void {
    this.#mustLookAgain = true
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      while (this.#mustLookAgain) {
        this.#mustLookAgain = false
        this.#decide()
      }
    } finally {
      this.#isLooking = false
    }
  }

  configure(limits: SchedulerLimits): void {
    this.#limits = limits
    this.look()
  }

  /** The gateway ends: nobody waits for a driver any more. */
  close(): void {
    this.#isClosing = true
    this.#callOff()
  }

  #decide(): void {
    const now = this.#parts.clock.now()
    const { patienceMs } = this.#limits
    /** What those before are to have: nobody behind them may take it. */
    const promised: Tenant[] = []
    const yielding = new Set<string>()
    for (const waiting of this.#line.inOrder(now, patienceMs)) {
      const { ask, signal } = waiting
      if (signal.aborted) continue // it left because another was stopped just now
      const planned = plan(ask, this.#parts.room(), [...this.#tenants(), ...promised])
      this.#act(waiting, planned)
      const isOverdue = now >= ask.askedAtMs + patienceMs
      for (const name of inTheWay(planned, isOverdue)) yielding.add(name)
      const isNext = isOverdue || waiting.hasClaim
      if (isNext && stillWaits(planned)) promised.push(promiseOf(ask, planned.amounts))
    }
    this.#passes.shut(yielding)
    this.#lookWhenTimeIsUp(now)
  }

  #act(waiting: Waiting, planned: Plan): void {
    if (planned.do === 'grant') {
      this.#line.leave(waiting)
      waiting.grant(this.#grant(waiting.ask.holder, planned.amounts))
    }
    // It waits for those that leave already: for its sake, as far as is known.
    if (planned.do === 'wait' && planned.names.length === 0) waiting.hasClaim = true
    if (planned.do === 'evict') this.#evictFor(waiting, planned.names)
  }

  #evictFor(waiting: Waiting, names: readonly string[]): void {
    waiting.hasClaim = true
    for (const name of names) this.#evict(name, 'room')
  }

  #evict(name: string, reason: EvictionReason): void {
    const reservation = this.#reservations.get(name)
    reservation?.leave()
    reservation?.holder.evict(reason)
  }

  #grant(holder: Holder, amounts: Amounts, ran = false): Grant {
    const { name } = holder
    const reservation = new Reservation(holder, amounts, ran)
    this.#reservations.set(name, reservation)
    const isOurs = () => this.#reservations.get(name) === reservation
    return {
      get amounts() {
        return reservation.amounts
      },
      shrink: (to) => {
        reservation.amounts = least(reservation.amounts, to)
      },
      ready: () => {
        reservation.ready(this.#parts.clock.now())
        this.look()
      },
      release: async () => {
        reservation.leave()
        if (isOurs() && !this.#isClosing) await this.#parts.settled(name)
        if (isOurs()) this.#reservations.delete(name)
        reservation.end()
        this.look()
      },
      stuck: () => {
        reservation.stuck()
        this.look()
      },
    }
  }

  #tenants(): Tenant[] {
    const now = this.#parts.clock.now()
    return [...this.#reservations].map(([name, reservation]) => {
      const isYielding = this.#passes.isShut(name)
      const cost = reservation.holder.returnCost() / (isYielding ? YIELDING_DISCOUNT : 1)
      const is = reservation.is(now, this.#limits.minResidencyMs, isYielding)
      const amounts = most(reservation.amounts, this.#parts.seen(name))
      return { name, amounts, cost, is }
    })
  }

  /** Time alone makes the young old, and the patient impatient. */
  #lookWhenTimeIsUp(now: number): void {
    this.#callOff()
    if (this.#line.size === 0 || this.#isClosing) return
    const { minResidencyMs, patienceMs } = this.#limits
    const times = [...this.#reservations.values()].map((one) => one.oldAtMs(minResidencyMs) ?? now)
    times.push(...this.waiting().map(({ askedAtMs }) => askedAtMs + patienceMs))
    const next = Math.min(...times.filter((time) => time > now))
    if (Number.isFinite(next))
      this.#callOff = this.#parts.clock.after(next - now, () => this.look())
  }
}

function stillWaits({ do: what }: Plan): boolean {
  return what === 'wait' || what === 'evict'
}

/** Who must come to rest before it can be stopped for one whose patience is over. */
function inTheWay(planned: Plan, isOverdue: boolean): readonly string[] {
  return planned.do === 'wait' && isOverdue ? planned.names : []
}

function promiseOf(ask: MemoryAsk, amounts: Amounts): Tenant {
  return { name: ask.holder.name, amounts, is: 'fixed', cost: 1 }
}

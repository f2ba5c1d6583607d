import { abortable } from '../abortable.js'
import type { Leaving } from '../departure.js'
import { type Amounts, least } from './amounts.js'
import type { Clock } from './devices/clock.js'
import { type Grant, type Holder, Reservation, type SchedulerLimits } from './grant.js'
import { Ledger } from './ledger.js'
import { Line, type MemoryAsk, type Waiting } from './line.js'
import { Passes } from './passes.js'
import { type Plan, plan, type Tenant } from './plan.js'
import type { EvictionReason } from './recorder.js'

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

/** After so many times its patience one does not wait for the cheapest to come to rest, but for anybody. */
const LONG = 2
/** Where there is no patience, the cheapest are given this long all the same. */
const SHORTEST_MS = 1_000

/**
 * Who has memory and who is next: the only caller of `plan` and the only one that changes what is reserved.
 * Decides whenever something changed, and all at once, so that no decision is made on what was true before.
 */
export class Scheduler {
  readonly #parts: SchedulerParts
  readonly #line = new Line()
  readonly #ledger = new Ledger()
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

  /** The asks of those who wait, in the order in which they are to have memory. */
  waiting(): MemoryAsk[] {
    const { patienceMs } = this.#limits
    return [...this.#line.inOrder(this.#parts.clock.now(), patienceMs)].map(({ ask }) => ask)
  }

  /** By name, what is reserved. */
  reserved(): ReadonlyMap<string, Pick<Reservation, 'amounts' | 'hasLoaded'>> {
    return this.#ledger.all()
  }

  /**
   * Everybody who has memory, as the plan sees them: for one who has waited for `patience`, nobody counts as used who
   * may only be expected back.
   */
  tenants(isOverdue = true): Tenant[] {
    const nowMs = this.#parts.clock.now()
    const isYielding = (name: string) => this.#passes.isShut(name)
    const view = { nowMs, limits: this.#limits, isOverdue, isYielding, seen: this.#parts.seen }
    return this.#ledger.tenants(view)
  }

  /** What to do about this ask if it were made now. */
  foresee(ask: MemoryAsk): Plan {
    return plan(ask, this.#parts.room(), this.tenants())
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
      const waiting: Waiting = { ask, hasClaim: false, grant }
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
      if (this.#ledger.fits(this.#parts.room())) return grant
      grant.cancel()
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
    const [cheapest] = this.tenants()
      .filter(isOfUse)
      .sort((a, b) => a.cost - b.cost)
    const reservation = cheapest && this.#ledger.get(cheapest.name)
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
    const yielding: string[] = []
    for (const waiting of this.#line.inOrder(now, patienceMs)) {
      const { ask } = waiting
      const isOverdue = now >= ask.askedAtMs + patienceMs
      const tenants = [...this.tenants(isOverdue), ...promised]
      const planned = plan(ask, this.#parts.room(), tenants)
      this.#act(waiting, planned)
      if (!stillWaits(planned)) continue
      if (isOverdue) yielding.push(...this.#inTheWay(planned, now - ask.askedAtMs))
      if (isOverdue || waiting.hasClaim) promised.push(promiseOf(ask, planned.amounts))
    }
    this.#passes.shut(new Set(yielding))
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
    const reservation = this.#ledger.get(name)
    reservation?.leave()
    reservation?.holder.evict(reason)
  }

  /**
   * Who must come to rest first: those that cost least, and when these have not for long, whoever would help. Whoever
   * asks for one that cannot be stopped yet delays nobody.
   */
  #inTheWay(planned: Plan, waitedMs: number): readonly string[] {
    if (planned.do !== 'wait' || planned.names.length === 0) return []
    const now = this.#parts.clock.now()
    const names = waitedMs >= this.#longMs ? this.#ledger.holdersOf(planned.amounts) : planned.names
    return names.filter((name) => this.#ledger.get(name)?.isOld(now, this.#limits))
  }

  get #longMs(): number {
    return LONG * Math.max(this.#limits.patienceMs, SHORTEST_MS)
  }

  #grant(holder: Holder, amounts: Amounts, ran = false): Grant & { cancel(): void } {
    const reservation = new Reservation(holder, amounts, ran)
    this.#ledger.put(reservation)
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
      leaving: () => reservation.leave(),
      release: async () => {
        reservation.leave()
        if (!this.#isClosing) await this.#parts.settled(holder.name).catch(() => {}) // it is lost otherwise
        this.#ledger.remove(reservation)
        reservation.end()
        this.look()
      },
      stuck: () => {
        reservation.stuck()
        this.#ledger.setAside(reservation)
        this.look()
      },
      cancel: () => this.#ledger.remove(reservation),
    }
  }

  /** Time alone makes the young old, and the patient impatient. */
  #lookWhenTimeIsUp(now: number): void {
    this.#callOff()
    if (this.#line.size === 0 || this.#isClosing) return
    const { patienceMs } = this.#limits
    const times = this.#ledger.times(this.#limits)
    for (const { askedAtMs } of this.waiting()) {
      times.push(askedAtMs + patienceMs, askedAtMs + this.#longMs)
    }
    const next = Math.min(...times.filter((time) => time > now))
    if (Number.isFinite(next))
      this.#callOff = this.#parts.clock.after(next - now, () => this.look())
  }
}

function stillWaits({ do: what }: Plan): boolean {
  return what === 'wait' || what === 'evict'
}

function promiseOf(ask: MemoryAsk, amounts: Amounts): Tenant {
  return { name: ask.holder.name, amounts, is: 'fixed', cost: 1 }
}

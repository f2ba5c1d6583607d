import { type Amounts, isWithin, most, sharesDevice, sum } from './amounts.js'
import type { Reservation, SchedulerLimits } from './grant.js'
import type { Tenant } from './plan.js'

/** What being asked to yield makes a holder cheaper, so that it is not another that yields a moment later. */
const YIELDING_DISCOUNT = 4

export interface LedgerView {
  readonly nowMs: number
  readonly limits: SchedulerLimits
  readonly isOverdue: boolean
  isYielding(name: string): boolean
  /** What a holder was seen to hold. */
  seen(name: string): Amounts
}

/** Who has reserved what, by name. Changed by the scheduler alone. */
export class Ledger {
  readonly #reservations = new Map<string, Reservation>()

  get(name: string): Reservation | undefined {
    return this.#reservations.get(name)
  }

  all(): ReadonlyMap<string, Reservation> {
    return this.#reservations
  }

  put(reservation: Reservation): void {
    this.#reservations.set(reservation.holder.name, reservation)
  }

  remove(reservation: Reservation): void {
    for (const [name, other] of this.#reservations) {
      if (other === reservation) this.#reservations.delete(name)
    }
  }

  /** What could not be ended goes on to hold its memory, also when another has its name. */
  setAside(reservation: Reservation): void {
    this.remove(reservation)
    this.#reservations.set(`${reservation.holder.name} (left behind)`, reservation)
  }

  /** Who holds memory of any device that is asked for, and is stopped for others. */
  holdersOf(asked: Amounts): string[] {
    return [...this.#reservations]
      .filter(([, { amounts, holder }]) => !holder.staysLoaded && sharesDevice(amounts, asked))
      .map(([name]) => name)
  }

  fits(room: Amounts): boolean {
    const taken = sum([...this.#reservations.values()].map(({ amounts }) => amounts))
    return isWithin(taken, room)
  }

  /** Everybody in it, as the plan sees them. */
  tenants({ nowMs, limits, isOverdue, isYielding: yields, seen }: LedgerView): Tenant[] {
    return [...this.#reservations].map(([name, reservation]) => {
      const isYielding = yields(name)
      return {
        name,
        amounts: most(reservation.amounts, seen(name)),
        cost: reservation.holder.returnCost() / (isYielding ? YIELDING_DISCOUNT : 1),
        is: reservation.is(nowMs, limits, { isYielding, isOverdue }),
      }
    })
  }

  /** When time alone changes what they are. */
  times(limits: SchedulerLimits): number[] {
    return [...this.#reservations.values()].flatMap((one) => one.turnsIdleAtMs(limits))
  }
}

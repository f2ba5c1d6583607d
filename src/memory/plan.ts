import { type Amounts, isEmpty, known, shortage, sum } from './amounts.js'
import { type Candidate, cheapest } from './cheapest.js'

/** Who has memory, as the plan sees it. */
export interface Tenant {
  readonly name: string
  /** What is counted for it: its reservation, or what it was seen to hold if that is more. */
  readonly amounts: Amounts
  /**
   * `idle`: may be stopped now; `busy`: once its work is over; `young`: once it has been there for a while;
   * `leaving`: is being stopped; `fixed`: never stopped for another.
   */
  readonly is: 'idle' | 'busy' | 'young' | 'leaving' | 'fixed'
  /** What it costs that it has to come back: above 0. */
  readonly cost: number
}

/** One who waits for memory. */
export interface Ask {
  /** What would do, the best first: usually one, and one for each card where any will do. */
  readonly placements: readonly Amounts[]
}

export type Plan =
  | { readonly do: 'grant'; readonly amounts: Amounts }
  /** Stopping these makes room for `amounts`. */
  | { readonly do: 'evict'; readonly names: readonly string[]; readonly amounts: Amounts }
  /** For those that leave, or until these may be stopped. */
  | { readonly do: 'wait'; readonly names: readonly string[]; readonly amounts: Amounts }
  /** Nobody's leaving would help: somebody unknown holds the memory. */
  | { readonly do: 'stuck'; readonly amounts: Amounts }

const BEST_FIRST = ['grant', 'wait for those leaving', 'evict', 'wait', 'stuck'] as const

/**
 * What to do about one who waits: pure. `room` is what the devices have for all tenants together, by device; a
 * device that is not in it has no limit.
 */
export function plan(ask: Ask, room: Amounts, tenants: readonly Tenant[]): Plan {
  const costs = new Map(tenants.map(({ name, cost }) => [name, cost]))
  const costOf = (one: Plan) =>
    'names' in one ? one.names.reduce((total, name) => total + (costs.get(name) ?? 0), 0) : 0
  const plans = ask.placements.map((amounts) => planFor(amounts, room, tenants))
  const [first] = plans.sort((a, b) => rankOf(a) - rankOf(b) || costOf(a) - costOf(b))
  return first ?? { do: 'stuck', amounts: {} }
}

/** Where enough leaves on one card, nobody is stopped on another. */
function rankOf(one: Plan): number {
  const isLeaving = one.do === 'wait' && one.names.length === 0
  return BEST_FIRST.indexOf(isLeaving ? 'wait for those leaving' : one.do)
}

function planFor(amounts: Amounts, room: Amounts, tenants: readonly Tenant[]): Plan {
  const taken = sum(tenants.map((tenant) => tenant.amounts))
  const missing = shortage(known(amounts, room), left(room, taken))
  if (isEmpty(missing)) return { do: 'grant', amounts }
  const leaving = tenants.filter((tenant) => tenant.is === 'leaving')
  const stillMissing = shortage(missing, sum(leaving.map((tenant) => tenant.amounts)))
  if (isEmpty(stillMissing)) return { do: 'wait', names: [], amounts }
  const now = cheapest(stillMissing, named(tenants, 'idle'))
  if (now) return { do: 'evict', names: now, amounts }
  const later = cheapest(stillMissing, [
    ...named(tenants, 'idle'),
    ...named(tenants, 'young'),
    ...named(tenants, 'busy'),
  ])
  return later ? { do: 'wait', names: later, amounts } : { do: 'stuck', amounts }
}

function named(tenants: readonly Tenant[], is: Tenant['is']): Candidate[] {
  return tenants.filter((tenant) => tenant.is === is)
}

/** May be below 0: more is held than there is. */
function left(room: Amounts, taken: Amounts): Amounts {
  return Object.fromEntries(
    Object.entries(room).map(([device, bytes]) => [device, bytes - (taken[device] ?? 0)]),
  )
}

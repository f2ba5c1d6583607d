import { type Amounts, isEmpty, shortage, sum } from './amounts.js'

/** Somebody whose memory could be had, at a price. */
export interface Candidate {
  readonly name: string
  readonly amounts: Amounts
  /** Above 0, so that nobody is in the cheapest set in vain. */
  readonly cost: number
}

/** Up to so many candidates every set is looked at; a card that holds more at once is not known. */
const EXACT = 10

/** The names of the cheapest set that holds what is wanted; undefined: all of them together do not. */
export function cheapest(wanted: Amounts, among: readonly Candidate[]): string[] | undefined {
  const useful = among.filter(({ amounts }) =>
    Object.keys(wanted).some((device) => (amounts[device] ?? 0) > 0),
  )
  if (!suffices(useful, wanted)) return undefined
  const set = useful.length <= EXACT ? cheapestOfAll(wanted, useful) : cheapSet(wanted, useful)
  return set.map(({ name }) => name)
}

function cheapestOfAll(wanted: Amounts, among: readonly Candidate[]): readonly Candidate[] {
  let best: readonly Candidate[] = among
  let bestCost = costOf(among)
  for (let bits = 0; bits < 2 ** among.length; bits += 1) {
    const set = among.filter((_, i) => (bits >> i) & 1)
    const cost = costOf(set)
    if (cost < bestCost && suffices(set, wanted)) [best, bestCost] = [set, cost]
  }
  return best
}

/** Cheap ones until they suffice, then without those that the others make needless, dear ones first. */
function cheapSet(wanted: Amounts, among: readonly Candidate[]): readonly Candidate[] {
  const byCost = [...among].sort((a, b) => a.cost - b.cost)
  let set: Candidate[] = []
  for (const candidate of byCost) {
    if (suffices(set, wanted)) break
    set.push(candidate)
  }
  for (const candidate of [...set].reverse()) {
    const without = set.filter((other) => other !== candidate)
    if (suffices(without, wanted)) set = without
  }
  return set
}

function suffices(set: readonly Candidate[], wanted: Amounts): boolean {
  return isEmpty(shortage(wanted, sum(set.map(({ amounts }) => amounts))))
}

function costOf(set: readonly Candidate[]): number {
  return set.reduce((total, { cost }) => total + cost, 0)
}

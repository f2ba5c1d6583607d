import { spreadOf } from './statistics.js'

/** All rounds of one subject, in their order. */
export interface Row<T> {
  readonly subject: string
  readonly samples: readonly T[]
}

/** What two subjects have to do with each other, taken within each round; the median of that. */
export function perRound<T>(
  row: Row<T>,
  base: Row<T>,
  compare: (mine: T, theirs: T) => number,
): number {
  const pairs = row.samples.flatMap((mine, round) => {
    const theirs = base.samples[round]
    return theirs === undefined ? [] : [compare(mine, theirs)]
  })
  return spreadOf(pairs).median
}

import { WORKLOADS } from './config.js'
import { DURATION_TITLE, SIZE_OR_AUTO_TITLE, SIZE_TITLE, TARGET_TITLE } from './formats.js'
import { nearest } from './nearest.js'

type Hint = (found: unknown) => string | undefined

const SIZE_HINT = 'the units are B, KiB, MiB, GiB, TiB (of 1024) and KB, MB, GB (of 1000)'

/** Advice by what was expected. A hint never repeats what was found: it may be a secret. */
export const HINTS: Readonly<Record<string, Hint>> = {
  [DURATION_TITLE]: (found) =>
    isBareNumber(found)
      ? 'say the unit: ms, s, m, h or d'
      : 'the units are ms, s, m, h and d; 0 needs none, and 24 days are the most',
  [SIZE_TITLE]: () => SIZE_HINT,
  [SIZE_OR_AUTO_TITLE]: () => SIZE_HINT,
  [TARGET_TITLE]: (found) => {
    const meant = typeof found === 'string' ? nearest(found, WORKLOADS) : undefined
    return meant === undefined ? undefined : `did you mean "${meant}"?`
  },
}

function isBareNumber(found: unknown): boolean {
  return typeof found === 'number' || (typeof found === 'string' && /^[0-9.]+$/.test(found))
}

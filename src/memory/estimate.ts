import type { Lesson } from './learned.js'

/** In what was learned: a card that was chosen for it, whichever that was. */
export const ANY_CARD = 'gpu'

/** A peak between two readings is missed. */
const PEAK_MARGIN = 1.05
/** Beside its weights a model needs a cache and buffers. */
const WEIGHTS_MARGIN = 1.2
const BUFFERS_BYTES = 512 * 2 ** 20

export interface EstimateFacts {
  /** What the model files weigh that its command names; 0: none was found. */
  readonly weightBytes: number
  /** What it could have at most, ever and now; undefined: the device has no limit that is known. */
  readonly most: { readonly everBytes: number; readonly nowBytes: number } | undefined
}

/**
 * What to reserve where routes.json says `auto`, in bytes: the most that was seen, else what the model files weigh and
 * a margin, else all that it may have now, so that it runs alone once and is seen.
 */
export function estimate({ peaks }: Lesson, device: string, facts: EstimateFacts): number {
  const { weightBytes, most } = facts
  const atMost = (bytes: number) =>
    Math.min(Math.ceil(bytes), most?.everBytes ?? Number.POSITIVE_INFINITY)
  const peak = peaks[device] ?? 0
  if (peak > 0) return atMost(peak * PEAK_MARGIN)
  if (weightBytes > 0) return atMost(weightBytes * WEIGHTS_MARGIN + BUFFERS_BYTES)
  return most === undefined ? 0 : Math.max(most.nowBytes, BUFFERS_BYTES)
}

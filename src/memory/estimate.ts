import type { Lesson } from './learned.js'

/** In what was learned: a card that was chosen for it, whichever that was. */
export const ANY_CARD = 'gpu'

/** A peak between two readings is missed. */
const PEAK_MARGIN = 1.05
/** Beside its weights a model needs a cache and buffers. */
const WEIGHTS_MARGIN = 1.2
const BUFFERS_BYTES = 512 * 2 ** 20

/**
 * What to reserve where routes.json says `auto`: the most that was seen, else what the model files weigh and a
 * margin, else all that it may have, so that it runs alone once and is seen. In bytes, at most `mostBytes`.
 */
export function estimate(
  { peaks }: Lesson,
  device: string,
  { weightBytes, mostBytes }: { readonly weightBytes: number; readonly mostBytes: number },
): number {
  const peak = peaks[device] ?? 0
  if (peak > 0) return Math.min(Math.ceil(peak * PEAK_MARGIN), mostBytes)
  if (weightBytes > 0) return Math.min(weightBytes * WEIGHTS_MARGIN + BUFFERS_BYTES, mostBytes)
  return mostBytes
}

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZE_UNITS = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
}

/** The longest delay a timer of Node can hold; a longer one would fire at once. */
const MAX_DURATION_MS = 2 ** 31 - 1

/** What a duration looks like as text; for editors, as parseDuration also knows the longest one. */
export const DURATION_PATTERN = `^(0|${quantityOf(DURATION_UNITS)})$`

/** What a size looks like as text. */
export const SIZE_PATTERN = `^([0-9]+|${quantityOf(SIZE_UNITS)})$`

/** Milliseconds of `"1.5h"`, `"250ms"`, `"0"` or 0; undefined for all else, a bare number included. */
export function parseDuration(value: string | number): number | undefined {
  if (value === 0 || value === '0') return 0
  const ms = Math.round(quantity(String(value), DURATION_UNITS))
  return ms <= MAX_DURATION_MS ? ms : undefined
}

/** Bytes of `"512MiB"`, `"1.5GB"`, or of a plain whole number; undefined for all else. */
export function parseSize(value: string | number): number | undefined {
  const text = String(value)
  const bytes = /^[0-9]+$/.test(text) ? Number(text) : Math.round(quantity(text, SIZE_UNITS))
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

function quantity(text: string, units: Readonly<Record<string, number>>): number {
  const [, amount, unit] = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)$/.exec(text) ?? []
  const factor = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined
  return factor === undefined ? Number.NaN : Number(amount) * factor
}

function quantityOf(units: Readonly<Record<string, number>>): string {
  return `[0-9]+(\\.[0-9]+)?(${Object.keys(units).join('|')})`
}

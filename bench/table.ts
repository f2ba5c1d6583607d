import type { Spread } from './statistics.js'

/** Lays out rows of cells below their headings: the first column to the left, the others to the right. */
export function layOut(headings: readonly string[], rows: readonly string[][]): string {
  const lines = [[...headings], ...rows]
  const widths = headings.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)))
  const pad = (cell: string, at: number) =>
    at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0)
  return lines.map((line) => line.map(pad).join('  ')).join('\n')
}

/** `median (min-max)`, with this many decimals. */
export function spreadCell({ median, min, max }: Spread, decimals: number): string {
  return `${median.toFixed(decimals)} (${min.toFixed(decimals)}-${max.toFixed(decimals)})`
}

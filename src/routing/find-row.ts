import type { Row } from './row.js'
import { LAST_ROW, TABLE } from './table.js'

/** The parts of a request that routing looks at; `path` as `normalisePath` returns it. */
export interface Call {
  readonly method: string
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

type Kind = 'exact' | 'suffix' | 'prefix' | 'contains'

/** One pattern of one row. */
export interface Entry {
  readonly row: Row
  readonly pattern: string
  readonly kind: Kind
  /** The pattern without its stars. */
  readonly text: string
}

const ENTRIES: readonly Entry[] = TABLE.flatMap((row) =>
  row.patterns.map((pattern) => ({
    row,
    pattern,
    kind: kindOf(pattern),
    text: pattern.replaceAll('*', ''),
  })),
)

const FIRST = ENTRIES.filter(({ row }) => row.first)
const EXACT = ENTRIES.filter(({ row, kind }) => !row.first && kind === 'exact')
const SUFFIX = ENTRIES.filter(({ row, kind }) => !row.first && kind === 'suffix')
const LOOSE = ENTRIES.filter(
  ({ row, kind }) => !row.first && (kind === 'prefix' || kind === 'contains'),
)

const EXACT_BY_PATH = groupBy(EXACT, ({ text }) => text)
const SUFFIX_BY_NAME = groupBy(SUFFIX, ({ text }) => lastName(text))

/** All patterns of the built-in table in the order in which they are tried. */
export const ENTRIES_IN_ORDER: readonly Entry[] = [...FIRST, ...EXACT, ...SUFFIX, ...LOOSE]

/** The one row of the built-in table for this call; there always is one. */
export function findRow(call: Call): Row {
  return (
    firstHit(FIRST, call) ??
    firstHit(EXACT_BY_PATH.get(call.path), call) ??
    firstHit(SUFFIX_BY_NAME.get(lastName(call.path)), call) ??
    firstHit(LOOSE, call) ??
    LAST_ROW
  )
}

function firstHit(entries: readonly Entry[] | undefined, call: Call): Row | undefined {
  if (entries === undefined) return undefined
  for (const entry of entries) {
    if (takesMethod(entry.row, call.method) && fits(entry, call)) return entry.row
  }
  return undefined
}

function takesMethod({ methods }: Row, method: string): boolean {
  return methods.length === 0 || methods.includes(method)
}

function fits({ kind, text, row }: Entry, { path, headers }: Call): boolean {
  switch (kind) {
    case 'exact':
      return path === text && (!row.upgrade || isWebSocket(headers.upgrade))
    case 'suffix':
      return path.endsWith(text)
    case 'prefix':
      return path.startsWith(text)
    case 'contains':
      return path.includes(text)
  }
}

function isWebSocket(upgrade: string | readonly string[] | undefined): boolean {
  return String(upgrade).toLowerCase().includes('websocket')
}

function groupBy(entries: readonly Entry[], key: (entry: Entry) => string): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>()
  for (const entry of entries) {
    const group = groups.get(key(entry))
    if (group === undefined) groups.set(key(entry), [entry])
    else group.push(entry)
  }
  return groups
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/'))
}

function kindOf(pattern: string): Kind {
  if (pattern.startsWith('*')) return pattern.endsWith('*') ? 'contains' : 'suffix'
  return pattern.endsWith('*') ? 'prefix' : 'exact'
}

import { listProcesses, type ProcessRow } from './process-list.js'

/**
 * The processes of each tree that live: the members of the root's process group, and whoever descends from the root
 * or from them. Empty for a root of which nothing lives. Rejects where the system does not tell.
 */
export async function treesOf(roots: readonly number[]): Promise<Map<number, readonly number[]>> {
  return roots.length > 0 ? treesIn(await listProcesses(), roots) : new Map()
}

/** The same, in a list of processes. */
export function treesIn(
  rows: readonly ProcessRow[],
  roots: readonly number[],
): Map<number, readonly number[]> {
  const family = familyOf(rows)
  return new Map(roots.map((root) => [root, treeOf(root, family)]))
}

interface Family {
  readonly byPid: ReadonlyMap<number, ProcessRow>
  readonly byGroup: ReadonlyMap<number, readonly ProcessRow[]>
  readonly byParent: ReadonlyMap<number, readonly ProcessRow[]>
}

function familyOf(rows: readonly ProcessRow[]): Family {
  return {
    byPid: new Map(rows.map((row) => [row.pid, row])),
    byGroup: collect(rows, ({ group }) => group),
    byParent: collect(rows, ({ parent }) => parent),
  }
}

function collect(
  rows: readonly ProcessRow[],
  keyOf: (row: ProcessRow) => number,
): Map<number, ProcessRow[]> {
  const found = new Map<number, ProcessRow[]>()
  for (const row of rows) {
    const same = found.get(keyOf(row))
    if (same) same.push(row)
    else found.set(keyOf(row), [row])
  }
  return found
}

function treeOf(root: number, { byPid, byGroup, byParent }: Family): readonly number[] {
  if (root <= 1) return [] // all there is would descend from it
  const first = byPid.get(root)
  const members = new Set([...(first ? [first] : []), ...(byGroup.get(root) ?? [])])
  for (const member of members) {
    for (const child of byParent.get(member.pid) ?? []) {
      if (isChild(child, member)) members.add(child) // and is looked at in its turn
    }
  }
  return [...members].map(({ pid }) => pid)
}

/** Windows keeps the id of a parent that has ended, and gives it to another process. */
function isChild(child: ProcessRow, parent: ProcessRow): boolean {
  return (child.startedMs ?? 0) >= (parent.startedMs ?? 0)
}

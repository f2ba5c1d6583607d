import { readdir, readFile } from 'node:fs/promises'

const PAGE_BYTES = 4096

/** One process of a group. */
export interface Member {
  /** False for one that has ended and only waits to be collected by its parent. */
  readonly lives: boolean
  readonly residentBytes: number
}

/** The processes of a group by /proc; undefined where there is no /proc. */
export async function groupMembers(group: number): Promise<Member[] | undefined> {
  const names = await readdir('/proc').catch(() => undefined)
  if (!names) return undefined
  const stats = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')),
  )
  return stats.flatMap((stat) => memberOf(stat, group) ?? [])
}

/** What one /proc/PID/stat says, if its process is of this group: state, group and pages are fields 3, 5 and 24. */
export function memberOf(stat: string, group: number): Member | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (Number(fields[2]) !== group) return undefined
  const lives = fields[0] !== 'Z' && fields[0] !== 'X'
  return { lives, residentBytes: Number(fields[21] ?? 0) * PAGE_BYTES }
}

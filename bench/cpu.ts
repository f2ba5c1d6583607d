import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, the unit of /proc/PID/stat, is 100 on every Linux that Node runs on; proc(5), sysconf(3). */
const TICK_MICROS = 10_000
const PARENT = 1
const UTIME = 11
const STIME = 12

/** Whether this system tells the CPU time of a process; only Linux does it so. */
export const CAN_READ_CPU = existsSync('/proc/self/stat')

/** The process and all that it started, as far as they live. */
export function processTree(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (pid > 0) parents.set(pid, statOf(pid)[PARENT] ?? 0)
  }
  const tree = [root]
  for (const pid of tree) {
    for (const [child, parent] of parents) if (parent === pid) tree.push(child)
  }
  return tree
}

/** CPU time of all threads of these processes so far, user and system, in microseconds, in steps of 10,000. */
export function cpuMicros(pids: readonly number[]): number {
  let ticks = 0
  for (const stat of pids.map(statOf)) ticks += (stat[UTIME] ?? 0) + (stat[STIME] ?? 0)
  return ticks * TICK_MICROS
}

/** The fields behind the name of the process, which may hold anything; none of one that has ended. */
function statOf(pid: number): number[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
  } catch {
    return []
  }
}

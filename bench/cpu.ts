import { existsSync, readFileSync } from 'node:fs'

/** USER_HZ, the unit of /proc/PID/stat, is 100 on every Linux that Node runs on; proc(5), sysconf(3). */
const TICK_MICROS = 10_000
const UTIME = 11
const STIME = 12

/** Whether this system tells the CPU time of a process; only Linux does it so. */
export const CAN_READ_CPU = existsSync('/proc/self/stat')

/** CPU time of all threads of a process so far, user and system, in microseconds, in steps of 10,000. */
export function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[UTIME]) + Number(fields[STIME])) * TICK_MICROS
}

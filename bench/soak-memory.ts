import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const MIB = 1024 * 1024
const KIB = 1024

/** The memory of a process in MiB: what it has now, and the most it had since `forgetPeak`. Linux only, proc(5). */
export function memoryMib(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const read = (name: string) =>
    (Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * KIB) / MIB
  return { now: read('VmRSS'), peak: read('VmHWM') }
}

export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** How many descriptors a process has open. */
export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

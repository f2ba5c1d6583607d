import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { listProcesses } from './process-list.js'

/** What a process has in the memory of the machine. */
export interface Resident {
  /** All of it, with the model files it has mapped. */
  readonly bytes: number
  /**
   * Without mapped files, which the system counts as free since it can read them again: what a reading of `ram` calls
   * used has this of the process in it, and not more.
   */
  readonly heldBytes: number
}

const KIB = 1024

/** What each of these processes has in memory; without those that have ended. Rejects where the system's tool fails. */
export async function residentBytes(pids: Iterable<number>): Promise<Map<number, Resident>> {
  const asked = new Set(pids)
  const found = process.platform === 'linux' ? await readEach(asked) : await findAmongAll(asked)
  return new Map(found)
}

/** What /proc/PID/status says; undefined for one that has ended, and for a thread of the kernel. */
export function residentOfStatus(text: string): Resident | undefined {
  const bytesOf = (name: string) => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]
    return kib === undefined ? undefined : Number(kib) * KIB
  }
  const bytes = bytesOf('VmRSS')
  return bytes === undefined ? undefined : { bytes, heldBytes: bytes - (bytesOf('RssFile') ?? 0) }
}

async function readEach(pids: ReadonlySet<number>): Promise<(readonly [number, Resident])[]> {
  const texts = [...pids].map(async (pid) => {
    const resident = residentOfStatus(
      await readFile(`/proc/${pid}/status`, 'latin1').catch(() => ''),
    )
    return resident ? [[pid, resident] as const] : []
  })
  return (await Promise.all(texts)).flat()
}

async function findAmongAll(pids: ReadonlySet<number>): Promise<(readonly [number, Resident])[]> {
  return (await listProcesses()).flatMap(({ pid, residentBytes: bytes }) =>
    pids.has(pid) && bytes !== undefined ? [[pid, { bytes, heldBytes: bytes }] as const] : [],
  )
}

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * A text that names one process for good: its id alone may be given to another process later, its start time with
 * it cannot. Undefined: there is no such process.
 */
export async function identityOf(
  pid: number,
  platform: NodeJS.Platform,
): Promise<string | undefined> {
  try {
    if (platform === 'linux') return await linuxIdentity(pid)
    const { stdout } = await run(...startTimeCommand(pid, platform), { windowsHide: true })
    return stdout.trim() || undefined
  } catch {
    return undefined // every platform answers an unknown id with an error
  }
}

/**
 * Whether the process with this identity ran since the system was started. Where that is not known, only a process
 * that still has the identity counts as ours, so that the answer does no harm.
 */
export async function isOfThisBoot(identity: string, platform: NodeJS.Platform): Promise<boolean> {
  return platform !== 'linux' || identity.startsWith(`${await bootId()} `)
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
}

async function linuxIdentity(pid: number): Promise<string | undefined> {
  const started = startTicks(await readFile(`/proc/${pid}/stat`, 'utf8'))
  return started === undefined ? undefined : `${await bootId()} ${started}`
}

/**
 * Field 22 of /proc/PID/stat, proc(5): clock ticks from boot to the start; undefined for a process that has ended and
 * only waits to be collected. The name in field 2 may hold spaces and brackets, so fields are counted from its end.
 */
export function startTicks(stat: string): string | undefined {
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' || state === 'X' ? undefined : fields[18]
}

/** Asks the platform when a process started. */
export function startTimeCommand(pid: number, platform: NodeJS.Platform): [string, string[]] {
  if (platform !== 'win32') return ['ps', ['-o', 'lstart=', '-p', String(pid)]]
  const script = `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`
  return ['powershell', ['-NoProfile', '-NonInteractive', '-Command', script]]
}

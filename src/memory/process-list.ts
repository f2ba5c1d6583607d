import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import process from 'node:process'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A process that lives. */
export interface ProcessRow {
  readonly pid: number
  readonly parent: number
  /** 0: there are no groups here (Windows). */
  readonly group: number
  /** Not on Linux, where it is read for those alone that somebody asks about. */
  readonly residentBytes?: number
  /** Known where a parent's id may be that of a later process (Windows). */
  readonly startedMs?: number
}

/** A millisecond or two of reading at a time, because requests wait meanwhile. */
const AT_ONCE = 50
const LIMIT_MS = 10_000
/** The question takes half a second of a core there. */
const WINDOWS_KEEPS_MS = 3_000
const PS_COLUMNS = 'pid=,ppid=,pgid=,rss=,stat='
const WINDOWS_SCRIPT =
  'Get-CimInstance Win32_Process -Property ProcessId,ParentProcessId,WorkingSetSize,CreationDate | ForEach-Object { ' +
  '$t = 0; if ($_.CreationDate) { $t = [int64]($_.CreationDate.ToFileTimeUtc() / 10000) }; ' +
  '"$($_.ProcessId),$($_.ParentProcessId),$($_.WorkingSetSize),$t" }'

const run = promisify(execFile)

/** Whoever asks about a process may ask about many: on Windows all share one answer for a while. */
let kept: { readonly at: number; readonly rows: Promise<readonly ProcessRow[]> } | undefined

/** Every process of this machine that may be seen. Rejects where the system's own tool fails. */
export async function listProcesses(): Promise<readonly ProcessRow[]> {
  if (process.platform === 'win32') return await listOnWindows()
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^\d+$/.test(name))
  return pids.length > 0 ? await readStats(pids) : await listByPs()
}

/** What /proc/PID/stat says: the state, the parent and the group are its fields 3 to 5. Undefined once it has ended. */
export function rowOfStat(stat: string): ProcessRow | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 3)
  const [state = '', parent, group] = fields
  if (group === undefined || /[ZX]/.test(state)) return undefined
  return { pid: Number.parseInt(stat, 10), parent: Number(parent), group: Number(group) }
}

/** What `ps` with those columns says: resident memory is in KiB, and a state with Z is of one that has ended. */
export function rowsOfPs(text: string): ProcessRow[] {
  return text.split('\n').flatMap((line) => {
    const [pid, parent, group, kib, state = ''] = line.trim().split(/\s+/)
    if (kib === undefined || state.startsWith('Z')) return []
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      residentBytes: Number(kib) * 1024,
    }
  })
}

/** What the script for Windows says: four numbers a line, of which the last is 0 for what the system began itself. */
export function rowsOfWindows(text: string): ProcessRow[] {
  return text.split(/\r?\n/).flatMap((line) => {
    if (!/^\d+,\d+,\d+,\d+$/.test(line)) return []
    const [pid = 0, parent = 0, residentBytes = 0, startedMs = 0] = line.split(',').map(Number)
    return { pid, parent, group: 0, residentBytes, startedMs }
  })
}

/** One after the other, because the thread pool takes two to three times as much of the processor for it. */
async function readStats(pids: readonly string[]): Promise<ProcessRow[]> {
  const rows: ProcessRow[] = []
  for (const [at, pid] of pids.entries()) {
    if (at % AT_ONCE === AT_ONCE - 1) await setImmediate()
    const row = rowOfStat(readIfThere(`/proc/${pid}/stat`))
    if (row) rows.push(row)
  }
  return rows
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return '' // it ended while others were looked at
  }
}

async function listByPs(): Promise<ProcessRow[]> {
  const options = { timeout: LIMIT_MS, maxBuffer: 2 ** 26, windowsHide: true }
  const { stdout } = await run('ps', ['-axo', PS_COLUMNS], options)
  return rowsOfPs(stdout)
}

async function listOnWindows(): Promise<readonly ProcessRow[]> {
  const now = performance.now()
  if (!kept || now - kept.at > WINDOWS_KEEPS_MS) kept = { at: now, rows: askPowershell() }
  return await kept.rows
}

async function askPowershell(): Promise<readonly ProcessRow[]> {
  const args = ['-NoProfile', '-NonInteractive', '-Command', WINDOWS_SCRIPT]
  const options = { timeout: LIMIT_MS, maxBuffer: 2 ** 26, windowsHide: true }
  const { stdout } = await run('powershell.exe', args, options)
  return rowsOfWindows(stdout)
}

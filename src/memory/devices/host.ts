import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { freemem, totalmem } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { ramOfContainer } from './cgroup.js'
import { type DeviceReading, type DeviceSource, SourceFailure } from './reading.js'

export interface HostOptions {
  readonly platform?: NodeJS.Platform
  /** Where /proc and /sys are. */
  readonly root?: string
}

/** Bytes of memory that there are, and that are in use. */
export interface Ram {
  readonly total: number
  readonly used: number
}

const KIB = 1024

/** The memory of this machine, or of the container that the gateway runs in. */
export function hostSource({
  platform = process.platform,
  root = '/',
}: HostOptions = {}): DeviceSource {
  const read = platform === 'linux' ? () => readLinux(root) : readerOf(platform)
  return { name: 'The system', read: async (signal) => [readingOf(await read(signal))] }
}

function readerOf(platform: NodeJS.Platform): (signal: AbortSignal) => Promise<Ram> {
  return platform === 'darwin' ? readMac : async () => ramOfSystem()
}

function readingOf({ total, used }: Ram): DeviceReading {
  const bounded = Math.min(Math.max(used, 0), total)
  return {
    ...{ id: 'ram', kind: 'ram', name: 'RAM', select: {}, byPid: undefined },
    ...{ totalBytes: total, usedBytes: bounded },
  }
}

/** What Node knows: on Windows free is what a program can have; elsewhere what nothing at all uses. */
function ramOfSystem(): Ram {
  const total = totalmem()
  return { total, used: total - freemem() }
}

async function readLinux(root: string): Promise<Ram> {
  const text = await readFile(join(root, 'proc/meminfo'), 'utf8').catch(() => '')
  const host = ramOfMeminfo(text)
  if (!host) throw new SourceFailure('/proc/meminfo says nothing of MemTotal and MemAvailable')
  return await ramOfContainer(host, root)
}

/** What /proc/meminfo says: files that are kept in memory only because there is room are not in use. */
export function ramOfMeminfo(text: string): Ram | undefined {
  const bytesOf = (name: string) => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]
    return kib === undefined ? undefined : Number(kib) * KIB
  }
  const [total, available] = [bytesOf('MemTotal'), bytesOf('MemAvailable')]
  return total === undefined || available === undefined
    ? undefined
    : { total, used: total - available }
}

/** os.freemem() counts as used on a Mac what is kept of files, which is nearly all. */
async function readMac(signal: AbortSignal): Promise<Ram> {
  const { stdout } = await promisify(execFile)('vm_stat', [], { signal })
  const used = usedByVmStat(stdout)
  return used === undefined ? ramOfSystem() : { total: totalmem(), used }
}

/** What `vm_stat` says is in use, as the Activity Monitor counts: of programs, of the kernel, and compressed. */
export function usedByVmStat(text: string): number | undefined {
  const pageBytes = Number(/page size of (\d+) bytes/.exec(text)?.[1])
  const pagesOf = (name: string) =>
    Number(new RegExp(`^"?${name}"?:\\s+(\\d+)`, 'm').exec(text)?.[1])
  const pages =
    pagesOf('Anonymous pages') -
    pagesOf('Pages purgeable') +
    pagesOf('Pages wired down') +
    pagesOf('Pages occupied by compressor')
  const bytes = pages * pageBytes
  return Number.isNaN(bytes) ? undefined : bytes
}

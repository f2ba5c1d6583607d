import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Ram } from './host.js'

/** The files that tell of one level; those of the first version of cgroups are other ones. */
interface Files {
  readonly limit: string
  readonly usage: string
  /** In memory.stat: files that are given up when memory is short. */
  readonly reclaimable: string
}

const V2: Files = { limit: 'memory.max', usage: 'memory.current', reclaimable: 'inactive_file' }
const V1: Files = {
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  reclaimable: 'total_inactive_file',
}

/** The memory that this process may have, where a container or a service manager gives it less than the host has. */
export async function ramOfContainer(host: Ram, root: string): Promise<Ram> {
  const levels = await levelsOf(root)
  const rams = (await Promise.all(levels.map(ramOfLevel))).filter((ram) => ram !== undefined)
  const limited = rams.filter(({ total }) => total < host.total)
  const total = Math.min(host.total, ...limited.map((ram) => ram.total))
  const room = Math.min(...[host, ...limited].map((ram) => ram.total - ram.used))
  return { total, used: total - room }
}

interface Level {
  readonly folder: string
  readonly files: Files
}

/**
 * The folders of this process's group and of those it is in. The path is the host's, which in a container may not be
 * there: the folders above it are, and the topmost is then the container's own.
 */
async function levelsOf(root: string): Promise<Level[]> {
  const text = await readFile(join(root, 'proc/self/cgroup'), 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (path === undefined) return []
    if (controllers === '') return above(path, join(root, 'sys/fs/cgroup'), V2)
    const isMemory = controllers?.split(',').includes('memory')
    return isMemory ? above(path, join(root, 'sys/fs/cgroup/memory'), V1) : []
  })
}

function above(path: string, mount: string, files: Files): Level[] {
  const inside = join('/', path) // `..` leads nowhere above the mount
  const level = { folder: join(mount, inside), files }
  return inside === '/' ? [level] : [level, ...above(dirname(inside), mount, files)]
}

async function ramOfLevel({ folder, files }: Level): Promise<Ram | undefined> {
  const total = Number(await readText(join(folder, files.limit)))
  if (!(total > 0)) return undefined // no limit is `max`, or no file at all
  const usage = Number(await readText(join(folder, files.usage)))
  const stat = await readText(join(folder, 'memory.stat'))
  const reclaimable = Number(new RegExp(`^${files.reclaimable} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
  return Number.isNaN(usage) ? undefined : { total, used: Math.max(0, usage - reclaimable) }
}

async function readText(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).trim()
}

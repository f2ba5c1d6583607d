import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A graphics card as the compute driver of AMD (kfd) knows it. */
export interface KfdNode {
  /** The driver's own number for it, which changes with the card and the slot. */
  readonly gpuId: string
  readonly renderMinor: number | undefined
  readonly address: string
}

/** The cards in the order of the topology, which is the one that HIP counts in; none where there is no kfd. */
export async function kfdNodes(root: string): Promise<KfdNode[]> {
  const folder = join(root, 'sys/class/kfd/kfd/topology/nodes')
  const names = await readdir(folder).catch((): string[] => [])
  const ordered = names.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b))
  const nodes = await Promise.all(ordered.map((name) => readNode(join(folder, name))))
  return nodes.filter((node) => node !== undefined)
}

/** A processor is a node too, of which the gpu_id is 0; that of a card which a container may not use cannot be read. */
async function readNode(folder: string): Promise<KfdNode | undefined> {
  const gpuId = (await textAt(join(folder, 'gpu_id'))).trim()
  if (!/^[1-9]\d*$/.test(gpuId)) return undefined
  const properties = await textAt(join(folder, 'properties'))
  const numberOf = (name: string) => {
    const digits = new RegExp(`^${name} (\\d+)$`, 'm').exec(properties)?.[1]
    return digits === undefined ? undefined : Number(digits)
  }
  return {
    gpuId,
    renderMinor: numberOf('drm_render_minor') || undefined, // 0: it has none
    address: addressOf(numberOf('domain') ?? 0, numberOf('location_id') ?? 0),
  }
}

/** The PCI address as the system writes it: bus, device and function are 8, 5 and 3 bits of the location. */
export function addressOf(domain: number, location: number): string {
  const hex = (number: number, digits: number) => number.toString(16).padStart(digits, '0')
  const [bus, device] = [(location >> 8) & 0xff, (location >> 3) & 0x1f]
  return `${hex(domain, 4)}:${hex(bus, 2)}:${hex(device, 2)}.${location & 7}`
}

/** By gpu_id, what each process holds; undefined where the driver does not tell: before Linux 5.9, or no kfd. */
export async function kfdMemory(
  root: string,
): Promise<Map<string, Map<number, number>> | undefined> {
  const folder = join(root, 'sys/class/kfd/kfd/proc')
  const pids = await readdir(folder).catch(() => undefined)
  if (!pids) return undefined
  const byGpu = new Map<string, Map<number, number>>()
  for (const pid of pids.filter((name) => /^\d+$/.test(name))) {
    for (const [gpuId, bytes] of await memoryOf(join(folder, pid))) {
      const byPid = byGpu.get(gpuId) ?? new Map<number, number>()
      byGpu.set(gpuId, byPid.set(Number(pid), bytes))
    }
  }
  return byGpu
}

async function memoryOf(folder: string): Promise<[string, number][]> {
  const names = await readdir(folder).catch((): string[] => [])
  const found = names.map(async (name): Promise<[string, number][]> => {
    const gpuId = /^vram_(\d+)$/.exec(name)?.[1]
    const text = gpuId === undefined ? '' : (await textAt(join(folder, name))).trim()
    return gpuId !== undefined && /^\d+$/.test(text) ? [[gpuId, Number(text)]] : []
  })
  return (await Promise.all(found)).flat()
}

async function textAt(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => '')
}

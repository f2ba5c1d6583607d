import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type KfdNode, kfdMemory, kfdNodes } from './kfd.js'
import type { DeviceReading, DeviceSource } from './reading.js'

/** The AMD cards of this machine, as the Linux driver amdgpu tells of them; none on other systems. */
export function amdSource({ root = '/' }: { readonly root?: string } = {}): DeviceSource {
  return { name: 'The amdgpu driver', read: () => readAmd(root) }
}

/** What the driver says of a card in its folder below /sys/class/drm. */
interface AmdCard {
  readonly address: string
  readonly name: string
  readonly renderMinor: number | undefined
  readonly totalBytes: number
  readonly usedBytes: number
}

async function readAmd(root: string): Promise<readonly DeviceReading[]> {
  const drm = join(root, 'sys/class/drm')
  const names = await readdir(drm).catch((): string[] => [])
  const folders = names.filter((name) => /^card\d+$/.test(name)).sort(byNumber)
  const found = await Promise.all(folders.map((name) => readCard(join(drm, name, 'device'))))
  const cards = found.filter((card) => card !== undefined)
  if (cards.length === 0) return []
  const [nodes, memory] = await Promise.all([kfdNodes(root), kfdMemory(root)])
  return cards.map((card) => readingOf(card, { nodes, memory }))
}

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** Undefined for a card of another maker, and for one that is just going. */
async function readCard(folder: string): Promise<AmdCard | undefined> {
  const textOf = async (name: string) =>
    (await readFile(join(folder, name), 'utf8').catch(() => '')).trim()
  const [total, used] = [await textOf('mem_info_vram_total'), await textOf('mem_info_vram_used')]
  const uevent = await textOf('uevent')
  const address = /^PCI_SLOT_NAME=(.+)$/m.exec(uevent)?.[1]
  if (!/^\d+$/.test(total) || !/^\d+$/.test(used) || address === undefined) return undefined
  const id = /^PCI_ID=(.+)$/m.exec(uevent)?.[1] ?? address
  return {
    address,
    name: (await textOf('product_name')) || `AMD ${id}`,
    renderMinor: await renderMinorOf(folder),
    totalBytes: Number(total),
    usedBytes: Math.min(Number(used), Number(total)),
  }
}

async function renderMinorOf(folder: string): Promise<number | undefined> {
  const names = await readdir(join(folder, 'drm')).catch((): string[] => [])
  const minor = names.map((name) => /^renderD(\d+)$/.exec(name)?.[1]).find((found) => found)
  return minor === undefined ? undefined : Number(minor)
}

interface Kfd {
  readonly nodes: readonly KfdNode[]
  readonly memory: ReadonlyMap<string, ReadonlyMap<number, number>> | undefined
}

function readingOf(card: AmdCard, { nodes, memory }: Kfd): DeviceReading {
  const at = nodes.findIndex((node) => isSame(node, card))
  const node = nodes[at]
  return {
    ...{ id: card.address, kind: 'amd', name: card.name },
    ...{ totalBytes: card.totalBytes, usedBytes: card.usedBytes },
    byPid: node && memory ? (memory.get(node.gpuId) ?? new Map()) : undefined,
    // HIP counts the cards as the kernel's topology does.
    select: node ? { HIP_VISIBLE_DEVICES: String(at) } : {},
  }
}

function isSame(node: KfdNode, card: AmdCard): boolean {
  return node.renderMinor !== undefined && card.renderMinor !== undefined
    ? node.renderMinor === card.renderMinor
    : node.address === card.address
}

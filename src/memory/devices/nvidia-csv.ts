import type { DeviceReading } from './reading.js'

/** What nvidia-smi is asked for, as csv,noheader,nounits: fields that drivers have known since 331, of 2013. */
export const CARD_FIELDS = 'index,uuid,pci.bus_id,name,memory.total,memory.used,memory.free'
export const PROCESS_FIELDS = 'gpu_uuid,pid,used_memory'

/** A card that tells its memory. */
export interface Card {
  readonly uuid: string
  readonly name: string
  readonly totalBytes: number
  readonly usedBytes: number
}

/** What it printed when asked for cards. */
export interface CardAnswer {
  /** Without those that tell no memory: cut in parts (MIG), or sharing the machine's (GB10). */
  readonly cards: readonly Card[]
  /** What it says for people, on the same stream and between the lines: what is wrong with a card, or with all. */
  readonly complaints: readonly string[]
  /** It could ask the driver, though perhaps not of each card. */
  readonly isAnswer: boolean
}

/** What it printed when asked for processes. */
export interface ProcessAnswer {
  readonly lines: readonly ProcessLine[]
  /** A card without a line has no process; else it is only not told. */
  readonly tellsAll: boolean
}

/** One of its lines; undefined is what the driver does not tell. */
export interface ProcessLine {
  readonly uuid: string
  readonly pid: number | undefined
  readonly bytes: number | undefined
}

const MIB = 2 ** 20
const NO_CARDS = /^No devices were found/i
const BROKEN = /lost|reset|error/i

export function readCards(text: string): CardAnswer {
  const lines = linesOf(text).filter((line) => !NO_CARDS.test(line))
  const rows = lines.filter(isRow).map(fieldsOf)
  const complaints = lines.filter((line) => !isRow(line))
  return {
    cards: rows.flatMap((fields) => cardOf(fields) ?? []),
    complaints: [...complaints, ...rows.flatMap((fields) => brokenOf(fields) ?? [])],
    isAnswer: rows.length > 0 || NO_CARDS.test(text.trimStart()),
  }
}

export function readProcesses(text: string): ProcessLine[] {
  return linesOf(text).flatMap((line) => {
    const [uuid = '', pid, memory, ...more] = fieldsOf(line)
    if (memory === undefined || more.length > 0 || !/^(GPU|MIG)-/.test(uuid)) return []
    return { uuid, pid: numberOf(pid), bytes: bytesOf(memory) }
  })
}

/** The cards with what is known of their processes. */
export function readingsOf(cards: readonly Card[], processes: ProcessAnswer): DeviceReading[] {
  const uuids = new Set(cards.map(({ uuid }) => uuid))
  // Which card a part of one (MIG) belongs to is not told: it may be any that has no process of its own.
  const tellsAll = processes.tellsAll && processes.lines.every(({ uuid }) => uuids.has(uuid))
  return cards.map(({ uuid, ...facts }) => ({
    ...facts,
    id: uuid,
    kind: 'nvidia',
    byPid: byPidOf(uuid, { ...processes, tellsAll }),
    // A number would be another card for CUDA, which counts the fastest first, than for nvidia-smi.
    select: { CUDA_VISIBLE_DEVICES: uuid },
  }))
}

/** A process has a line for each of its contexts on a card. */
function byPidOf(
  uuid: string,
  { lines, tellsAll }: ProcessAnswer,
): Map<number, number> | undefined {
  const own = lines.filter((line) => line.uuid === uuid)
  const byPid = new Map<number, number>()
  for (const { pid, bytes } of own) {
    if (pid !== undefined && bytes !== undefined) byPid.set(pid, (byPid.get(pid) ?? 0) + bytes)
  }
  return byPid.size > 0 || (own.length === 0 && tellsAll) ? byPid : undefined
}

/** A name may have commas in it, so it is what is between the first three and the last three. */
function cardOf(fields: readonly string[]): Card | undefined {
  const [, uuid = ''] = fields
  const [total, used, free] = fields.slice(-3).map(bytesOf)
  if (!uuid.startsWith('GPU-') || !total || (used ?? free) === undefined) return undefined
  // Since driver 510 what it keeps for itself is neither used nor free.
  const usedBytes = Math.max(used ?? 0, free === undefined ? 0 : total - free)
  return { uuid, name: nameOf(fields), totalBytes: total, usedBytes: Math.min(usedBytes, total) }
}

function brokenOf(fields: readonly string[]): string | undefined {
  const reason = fields.slice(-3).find((field) => BROKEN.test(field))
  return reason && `card ${fields[0]} (${nameOf(fields)}): ${reason.replace(/[[\]]/g, '')}`
}

function nameOf(fields: readonly string[]): string {
  return fields.slice(3, -3).join(', ')
}

/** A line with the fields that were asked for, and no words that only happen to have commas. */
function isRow(line: string): boolean {
  const fields = fieldsOf(line)
  return fields.length >= CARD_FIELDS.split(',').length && /^\d+$/.test(fields[0] ?? '')
}

function linesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

function fieldsOf(line: string): string[] {
  return line.split(',').map((field) => field.trim())
}

function bytesOf(field: string | undefined): number | undefined {
  const mib = numberOf(field)
  return mib === undefined ? undefined : mib * MIB
}

/** Words in brackets are none: [N/A], [Not Supported], [Insufficient Permissions], [Unknown Error]. */
function numberOf(field: string | undefined): number | undefined {
  return field !== undefined && /^\d+$/.test(field) ? Number(field) : undefined
}

import { setTimeout as delay } from 'node:timers/promises'
import { CAN_READ_CPU } from './cpu.js'
import type { Load } from './load.js'
import { OURS, type Subject } from './setting.js'
import { MIB, SlowReader } from './soak-load.js'
import { forgetPeak, memoryMib } from './soak-memory.js'
import { layOut } from './table.js'

const FEW = 10_000
const CONNECTIONS = 32
const READERS = 200
const READER_MIB = 5
/** Idle long enough for garbage to have been collected, where that is done at all. */
const REST_MS = 1_000

/** Resident memory of one subject, in MiB. */
export interface MemoryRow {
  readonly subject: string
  readonly idle: number
  readonly afterFew: number
  readonly requests: number
  readonly afterMany: number
  /** With so many clients that read nothing of long replies. */
  readonly slowPeak: number
}

/** Measures one subject after the other: what counts is what each keeps. */
export async function measureMemory(
  subjects: readonly Subject[],
  requests: number,
  load: Load,
): Promise<MemoryRow[]> {
  if (!CAN_READ_CPU) throw new Error('memory is read from /proc, which only Linux has')
  const rows: MemoryRow[] = []
  for (const subject of subjects) rows.push(await measure(subject, requests, load))
  return rows
}

export function memoryTable(rows: readonly MemoryRow[]): string {
  const cell = (mib: number) => mib.toFixed(1)
  return layOut(
    [
      'subject, MiB',
      'idle',
      'after 10,000',
      'requests',
      'after these',
      'ratio',
      '200 slow readers',
    ],
    rows.map((row) => [
      row.subject,
      ...[cell(row.idle), cell(row.afterFew), String(row.requests), cell(row.afterMany)],
      ...[(row.afterMany / row.afterFew).toFixed(2), cell(row.slowPeak)],
    ]),
  )
}

async function measure(subject: Subject, many: number, load: Load): Promise<MemoryRow> {
  const idle = await atRest(subject)
  const few = await send(subject, Math.min(FEW, many), load)
  const afterFew = await atRest(subject)
  const requests = few + (await send(subject, many - few, load))
  const afterMany = await atRest(subject)
  const slowPeak = await withSlowReaders(subject)
  return { subject: subject.name, idle, afterFew, requests, afterMany, slowPeak }
}

/** Generators count seconds, not requests: one of them is measured first. */
async function send({ url, name }: Subject, least: number, load: Load): Promise<number> {
  let sent = 0
  for (let durationS = 1; sent < least; ) {
    const ask = { url: `${url}/v1/completions`, connections: CONNECTIONS, durationS }
    const { requests, errors } = await load(ask)
    if (errors > 0) throw new Error(`${errors} requests to ${name} failed`)
    sent += requests
    durationS = Math.min(30, Math.max(1, Math.ceil(((least - sent) / requests) * durationS)))
  }
  return sent
}

async function withSlowReaders({ url, pids, name }: Subject): Promise<number> {
  pids.forEach(forgetPeak)
  const readers: SlowReader[] = []
  for (let at = 0; at < READERS; at += 1) {
    readers.push(new SlowReader(url, READER_MIB * MIB, 'first'))
    await delay(5)
  }
  await delay(REST_MS)
  const peak = pids.reduce((sum, pid) => sum + memoryMib(pid).peak, 0)
  if (name === OURS) await Promise.all(readers.map((reader) => reader.read()))
  else for (const reader of readers) reader.leave()
  return peak
}

async function atRest({ pids }: Subject): Promise<number> {
  await delay(REST_MS)
  return pids.reduce((sum, pid) => sum + memoryMib(pid).now, 0)
}

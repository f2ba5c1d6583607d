import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.js'
import { GATEWAY_ARGV } from './gateway-command.js'
import { lastOutput, type Programs } from './programs.js'
import { download, listen, look, lost, MIB, SlowReader, upload, visit } from './soak-load.js'
import { descriptors, forgetPeak, memoryMib } from './soak-memory.js'
import { spreadOf } from './statistics.js'
import { layOut, spreadCell } from './table.js'

const BIG = 512 * MIB
const WARM_UP = 64 * MIB
const CROWDS = [
  { dialect: 'generic', readers: 100, mib: 5 },
  { dialect: 'koboldcpp', readers: 100, mib: 5 },
  { dialect: 'generic', readers: 6, mib: 16 },
  { dialect: 'koboldcpp', readers: 6, mib: 16 },
] as const
type Crowd = (typeof CROWDS)[number]
const STREAMS = 200
const STREAM_MS = 2_000
const RACES = 1_000
const LANES = 8
const VISITS = 4_000
const VISITORS = 64
const START_MS = 20_000
/** Longer than a connection to a backend is kept. */
const REST_MS = 15_000

/** One figure, once for each round. */
export interface SoakRow {
  readonly what: string
  readonly unit: string
  readonly bar: string
  readonly values: number[]
}

interface Stage {
  readonly pid: number
  /** Of the gateway, for a backend of this dialect. */
  url(dialect: 'generic' | 'openai' | 'koboldcpp'): string
  readonly upstream: string
}

type Figures = readonly (readonly [what: string, unit: string, bar: string, value: number])[]
const TRIALS: readonly ((stage: Stage) => Promise<Figures>)[] = [
  big,
  ...CROWDS.map((crowd) => (stage: Stage) => slow(stage, crowd)),
  streams,
  races,
  churn,
]

/** Loads a gateway in every way that might leave something behind, a fresh one for each way and round. */
export async function measureSoak(
  programs: Programs,
  folder: string,
  rounds: number,
): Promise<SoakRow[]> {
  const rows = new Map<string, SoakRow>()
  for (let at = 0; at < rounds * TRIALS.length; at += 1) {
    const trial = TRIALS[at % TRIALS.length]
    const stage = await start(programs, join(folder, `soak-${at}`))
    for (const [what, unit, bar, value] of (await trial?.(stage)) ?? []) {
      if (!rows.has(what)) rows.set(what, { what, unit, bar, values: [] })
      rows.get(what)?.values.push(value)
    }
    await programs.end()
  }
  return [...rows.values()]
}

export function soakTable(rows: readonly SoakRow[]): string {
  return layOut(
    ['what', 'measured', 'unit', 'at most'],
    rows.map(({ what, unit, bar, values }) => [what, spreadCell(spreadOf(values), 1), unit, bar]),
  )
}

async function big({ url, pid }: Stage): Promise<Figures> {
  const fresh = memoryMib(pid).now
  const peakOf = async (work: Promise<void>) => {
    forgetPeak(pid)
    await work
    return memoryMib(pid).peak
  }
  const firstUp = await peakOf(upload(url('generic'), BIG))
  await download(url('generic'), WARM_UP)
  const idle = memoryMib(pid).now
  const up = await peakOf(upload(url('generic'), BIG))
  const down = await peakOf(download(url('generic'), BIG))
  return [
    ['memory of a fresh gateway', 'MiB', '', fresh],
    ['first 512 MiB up: memory over fresh', 'MiB', '60', firstUp - fresh],
    ['next 512 MiB up: memory over fresh', 'MiB', '60', up - fresh],
    ['512 MiB down: memory over fresh', 'MiB', '60', down - fresh],
    ['next 512 MiB up: memory over warm', 'MiB', '38', up - idle],
    ['512 MiB down: memory over warm', 'MiB', '38', down - idle],
  ]
}

/** What the backend has written is off its hands. */
async function slow({ url, pid, upstream }: Stage, crowd: Crowd): Promise<Figures> {
  const { dialect, readers: count, mib } = crowd
  const idle = memoryMib(pid).now
  forgetPeak(pid)
  const readers: SlowReader[] = []
  for (let at = 0; at < count; at += 1) {
    readers.push(new SlowReader(url(dialect), mib * MIB, at === 0 ? 'first' : 'next'))
    await delay(5)
  }
  const { sentBytes } = await statsAtRest(upstream)
  const held = memoryMib(pid).peak - idle
  await Promise.all(readers.map((reader) => reader.read()))
  const name = `${count} slow readers of ${mib} MiB, ${dialect}`
  return [
    [`${name}: memory over idle`, 'MiB', '', held],
    [`${name}: written by the backend for each`, 'MiB', '', sentBytes / MIB / count],
    [`${name}: memory over idle in the end`, 'MiB', '', memoryMib(pid).now - idle],
  ]
}

async function statsAtRest(upstream: string): Promise<{ sentBytes: number }> {
  for (let before = ''; ; ) {
    const now = await look(`${upstream}/stats`)
    if (now === before) return JSON.parse(now)
    before = now
    await delay(1_000)
  }
}

async function streams({ url, pid }: Stage): Promise<Figures> {
  const [openBefore, idle] = [descriptors(pid), memoryMib(pid).now]
  forgetPeak(pid)
  const listening = Array.from({ length: STREAMS }, (_, at) =>
    listen(url('openai'), at % 2 === 0 ? Math.random() * STREAM_MS : undefined),
  )
  const broken = (await Promise.allSettled(listening)).filter(({ status }) => status === 'rejected')
  const left = await leftOver(pid, openBefore)
  return [
    ['200 streams, half leave: broken', '', '0', broken.length],
    ['200 streams, half leave: memory over idle', 'MiB', '', memoryMib(pid).peak - idle],
    ['200 streams, half leave: descriptors left', '', '0', left],
  ]
}

async function races({ url }: Stage): Promise<Figures> {
  const figures: [string, string, string, number][] = []
  for (const dialect of ['openai', 'generic'] as const) {
    const onlyLooks = dialect === 'generic'
    const alone = await lost(url(dialect), RACES, onlyLooks)
    const lanes = Array.from({ length: LANES }, () => lost(url(dialect), RACES / LANES, onlyLooks))
    const together = (await Promise.all(lanes)).reduce((sum, each) => sum + each, 0)
    figures.push([`${2 * RACES} keep-alive races, ${dialect}: lost`, '', '0', alone + together])
  }
  return figures
}

async function churn({ url, pid }: Stage): Promise<Figures> {
  const [openBefore, idle] = [descriptors(pid), memoryMib(pid).now]
  let next = 0
  let failed = 0
  const visitor = async () => {
    while (next < VISITS) {
      next += 1
      await visit(url('openai'), next % 5 === 0).catch(() => {
        failed += 1
      })
    }
  }
  await Promise.all(Array.from({ length: VISITORS }, visitor))
  const left = await leftOver(pid, openBefore)
  return [
    ['4000 connections, 800 aborts: failed', '', '0', failed],
    ['4000 connections, 800 aborts: descriptors left', '', '0', left],
    ['4000 connections, 800 aborts: memory over idle', 'MiB', '', memoryMib(pid).now - idle],
  ]
}

/** How many descriptors more than before stay open. */
async function leftOver(pid: number, before: number): Promise<number> {
  const until = performance.now() + REST_MS
  while (descriptors(pid) > before && performance.now() < until) await delay(100)
  return Math.max(0, descriptors(pid) - before)
}

async function start(programs: Programs, folder: string): Promise<Stage> {
  const upstreamPort = await freePort()
  const upstream = `http://127.0.0.1:${upstreamPort}`
  programs.start('upstream', ['--import', 'tsx', file('soak-upstream.ts'), String(upstreamPort)])
  await answered(`${upstream}/version`)
  mkdirSync(folder)
  const config = join(folder, 'routes.json')
  writeFileSync(config, JSON.stringify(routes(upstream)))
  const port = await freePort()
  const place = ['--config', config, '--state-dir', join(folder, 'state'), '--port', String(port)]
  const gateway = programs.start('gateway', [...GATEWAY_ARGV, ...place, '--log-level', 'warn'])
  const url = (dialect: string) => `http://127.0.0.1:${port}/${dialect}`
  for (const dialect of ['generic', 'openai', 'koboldcpp']) {
    await answered(`${url(dialect)}/version`).catch((error) => {
      throw new Error(`${error.message}\n${lastOutput(gateway)}`)
    })
  }
  return { pid: gateway.pid, url, upstream }
}

function routes(upstream: string): object {
  const backend = (dialect: string, more: object = {}) => ({
    ...{ url: upstream, dialect, serves: ['text'], concurrency: 0 },
    ...more,
  })
  return {
    listen: { host: '127.0.0.1' },
    backends: {
      generic: backend('generic', { bodies: 'stream' }),
      openai: backend('openai'),
      koboldcpp: backend('koboldcpp'),
    },
    routes: ['generic', 'openai', 'koboldcpp'].map((name) => ({
      path: `/${name}/*`,
      to: `backend:${name}`,
    })),
  }
}

async function answered(url: string): Promise<void> {
  const until = performance.now() + START_MS
  while (performance.now() < until) {
    const text = await look(url).catch(() => '')
    if (text.includes('KoboldCpp')) return
    await delay(50)
  }
  throw new Error(`${url} does not answer`)
}

function file(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

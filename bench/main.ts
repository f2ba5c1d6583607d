/** `npm run bench -- hop|stream|upload|wake|memory|swaps|soak`: see README.md. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constants, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCannon } from './cannon.js'
import { measureHop, warmUp } from './hop.js'
import { hopTable } from './hop-table.js'
import { bestGenerator, type Load } from './load.js'
import { measureMemory, memoryTable } from './memory.js'
import { type Options, parseOptions, USAGE, type What } from './options.js'
import { versionOf } from './peers.js'
import { Programs } from './programs.js'
import { type Subject, startSubjects } from './setting.js'
import { measureSoak, soakTable } from './soak.js'
import { measureStreams } from './stream.js'
import { streamTable } from './stream-table.js'
import { measureSwaps } from './swaps.js'
import { measureReal, realTable } from './swaps-real.js'
import { swapsTable } from './swaps-table.js'
import { measureUploads, uploadTable } from './upload.js'
import { measureWake, wakeTable } from './wake.js'
import { createWrk } from './wrk.js'

/** What is measured with peers beside us. */
const BESIDE_PEERS: Partial<Record<What, Measure>> = {
  hop: hops,
  stream: streams,
  upload: uploads,
  memory,
}
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
const programs = new Programs(folder)
process.on('exit', cleanUp)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]))
}

try {
  await bench(readOptions())
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
process.exit()

/** One table's worth of measurements, as `--json` writes it. */
interface Result {
  readonly manner: string
  /** Connections, or streams. */
  readonly atOnce: number
  readonly rows: readonly unknown[]
}

type Measure = (subjects: readonly Subject[], options: Options, manner: string) => Promise<Result[]>

async function bench(options: Options): Promise<void> {
  if (!existsSync(new URL('../dist/main.js', import.meta.url)))
    throw new Error('npm run build first')
  const results: Result[] = []
  say(machine())
  for (const peer of options.peers) if (versionOf(peer)) say(versionOf(peer))
  if (options.what === 'wake') results.push(await wake(options))
  if (options.what === 'soak') results.push(await soak(options))
  if (options.what === 'swaps') results.push(await swaps(options))
  const measure = BESIDE_PEERS[options.what]
  if (measure) results.push(...(await besidePeers(measure, options)))
  if (options.jsonFile === undefined) return
  const json = { at: new Date().toISOString(), machine: machine(), options, results }
  writeFileSync(options.jsonFile, `${JSON.stringify(json, undefined, 2)}\n`)
}

async function besidePeers(measure: Measure, options: Options): Promise<Result[]> {
  const { peers, logLevel } = options
  const results: Result[] = []
  for (const manner of options.manners) {
    const subjects = await startSubjects({ folder, programs, manner, peers, logLevel })
    results.push(...(await measure(subjects, options, manner)))
    await programs.end()
  }
  return results
}

async function wake({ rounds }: Options): Promise<Result> {
  const times = await measureWake(programs, folder, rounds)
  say(`\nwake: the sample backend, ${rounds} rounds: median (min-max)`)
  say(wakeTable(times))
  return { manner: 'close', atOnce: 1, rows: [times] }
}

async function soak({ rounds }: Options): Promise<Result> {
  const rows = await measureSoak(programs, folder, rounds)
  say(`\nsoak: ${rounds} rounds: median (min-max)`)
  say(soakTable(rows))
  return { manner: 'keep-alive', atOnce: 1, rows }
}

async function swaps(options: Options): Promise<Result> {
  const { asks, seed, seeds, isReal } = options
  if (isReal) {
    const real = await measureReal({ programs, folder, ...options })
    say(`\nswaps: seed ${seed}, the gateway and its simulation`)
    say(realTable(real))
    return { manner: 'real', atOnce: 1, rows: [real] }
  }
  const rows = await measureSwaps(options)
  say(`\nswaps: ${seeds} traces of ${asks} asks, in virtual time: median (min-max)`)
  say(swapsTable(rows))
  return { manner: 'simulated', atOnce: 1, rows }
}

async function hops(subjects: readonly Subject[], options: Options, manner: string) {
  const { load, generator } = generatorOf(options)
  const results: Result[] = []
  await warmUp(subjects, load, options.durationS)
  for (const connections of options.connections) {
    const rows = await measureHop(subjects, connections, { load, options })
    const how = `${options.rounds} rounds of ${options.durationS} s, ${generator}`
    say(`\nhop: upstream ${manner}, ${connections} connections, ${how}: median (min-max)`)
    say(hopTable(rows))
    results.push({ manner, atOnce: connections, rows })
  }
  return results
}

async function streams(subjects: readonly Subject[], options: Options, manner: string) {
  const { rounds, events, paceMs } = options
  const results: Result[] = []
  for (const count of options.streams) {
    const rows = await measureStreams(subjects, { count, events, paceMs }, rounds)
    const what = `${count} streams of ${events} events, one every ${paceMs} ms`
    say(`\nstream: upstream ${manner}, ${what}, ${rounds} rounds: median (min-max)`)
    say(streamTable(rows))
    results.push({ manner, atOnce: count, rows })
  }
  return results
}

async function uploads(subjects: readonly Subject[], { mib, rounds }: Options, manner: string) {
  const results: Result[] = []
  for (const taken of await measureUploads(subjects, mib, rounds)) {
    say(`\nupload: ${taken.what}, ${rounds} rounds: median (min-max)`)
    say(uploadTable(taken))
    results.push({ manner, atOnce: 1, rows: [taken] })
  }
  return results
}

async function memory(subjects: readonly Subject[], options: Options, manner: string) {
  const rows = await measureMemory(subjects, options.requests, generatorOf(options).load)
  say('\nmemory: resident, MiB')
  say(memoryTable(rows))
  return [{ manner, atOnce: 1, rows }]
}

function generatorOf(options: Options): { load: Load; generator: string } {
  const generator = options.generator ?? bestGenerator()
  return { generator, load: generator === 'wrk' ? createWrk(programs) : createCannon() }
}

function machine(): string {
  const [load = 0] = loadavg()
  const processors = cpus()
  const model = processors[0]?.model ?? 'unknown processor'
  return `Node ${process.versions.node}, ${processors.length} x ${model}, load ${load.toFixed(1)} before`
}

function readOptions(): Options {
  try {
    return parseOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(USAGE)
    throw error
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Synchronous, so that it holds on every way out: the end, a failure, Ctrl-C. */
function cleanUp(): void {
  programs.kill()
  rmSync(folder, { recursive: true, force: true })
}

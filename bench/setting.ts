import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.js'
import { writeGatewayConfig } from './gateway-config.js'
import type { Manner } from './options.js'
import { lastOutput, type Program, type Programs } from './programs.js'

const START_MS = 20_000
const ASK = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }

/** Something that answers the same requests: the upstream itself, or a gateway in front of it. */
export interface Subject {
  readonly name: string
  readonly url: string
  /** The process whose CPU time is counted. */
  readonly pid: number
}

interface Place {
  readonly folder: string
  readonly programs: Programs
  readonly manner: Manner
}

/** Starts an upstream and the gateways in front of it; resolves when each has answered a request. */
export async function startSubjects(place: Place): Promise<Subject[]> {
  const direct = await start(place, 'direct', (port) => [
    ...typescript('upstream.ts'),
    String(port),
    place.manner,
  ])
  const stock = await start(place, 'stock', (port) => [
    ...typescript('stock.ts'),
    String(port),
    direct.url,
  ])
  const silent = await startOurs(place, direct.url, 'silent')
  const info = await startOurs(place, direct.url, 'info')
  return [direct, stock, silent, info]
}

function startOurs(place: Place, upstream: string, level: string): Promise<Subject> {
  const folder = mkdtempSync(join(place.folder, 'gateway-'))
  const config = join(folder, 'routes.json')
  writeGatewayConfig(config, upstream, place.manner)
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
  return start(place, `ours, log ${level}`, (port) => [
    ...[main, '--config', config, '--state-dir', join(folder, 'state')],
    ...['--port', String(port), '--log-level', level],
  ])
}

async function start(
  { programs }: Place,
  name: string,
  argv: (port: number) => string[],
): Promise<Subject> {
  const port = await freePort()
  const program = programs.start(name, argv(port))
  const url = `http://127.0.0.1:${port}`
  await untilItAnswers(programs, program, url)
  return { name, url, pid: program.pid }
}

async function untilItAnswers(programs: Programs, program: Program, url: string): Promise<void> {
  const until = performance.now() + START_MS
  while (programs.isRunning(program) && performance.now() < until) {
    const reply = await fetch(`${url}/v1/completions`, ASK).catch(() => undefined)
    await reply?.arrayBuffer()
    if (reply?.ok) return
    await delay(50)
  }
  throw new Error(`'${program.name}' does not answer\n${lastOutput(program)}`)
}

function typescript(file: string): string[] {
  return ['--import', 'tsx', fileURLToPath(new URL(file, import.meta.url))]
}

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CAN_READ_CPU, processTree } from './cpu.js'
import { freePort } from './free-port.js'
import { GATEWAY_ARGV } from './gateway-command.js'
import { writeGatewayConfig } from './gateway-config.js'
import type { Manner } from './options.js'
import { commandOf, type Peer } from './peers.js'
import { lastOutput, type Program, type Programs } from './programs.js'

export const OURS = 'gatehouse'
const START_MS = 20_000
const ASK = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"model":"bench"}',
}

/** Something that answers the same requests: the upstream itself, or a gateway in front of it. */
export interface Subject {
  readonly name: string
  readonly url: string
  /** The processes whose CPU time is counted. */
  readonly pids: readonly number[]
}

interface Place {
  readonly folder: string
  readonly programs: Programs
  readonly manner: Manner
  readonly peers: readonly Peer[]
  /** Of our own. */
  readonly logLevel: string
}

/** Starts an upstream, ourselves and the peers in front of it; resolves when each has answered a request. */
export async function startSubjects(place: Place): Promise<Subject[]> {
  const direct = await start(place, 'direct', (port) => [
    ...typescript('upstream.ts'),
    String(port),
    place.manner,
  ])
  const subjects = [direct, await startOurs(place, direct.url)]
  for (const peer of place.peers) subjects.push(await startPeer(place, peer, direct.url))
  return subjects
}

async function startPeer(place: Place, peer: Peer, upstream: string): Promise<Subject> {
  const port = await freePort()
  const folder = join(place.folder, peer)
  const [command, ...argv] = commandOf(peer, { folder, port, upstream }) ?? []
  if (command === undefined) {
    return start(place, peer, (free) => [...typescript(`${peer}.ts`), String(free), upstream])
  }
  return answering(place, place.programs.startCommand(peer, command, argv), port)
}

function startOurs(place: Place, upstream: string): Promise<Subject> {
  const folder = mkdtempSync(join(place.folder, 'gateway-'))
  const config = join(folder, 'routes.json')
  writeGatewayConfig(config, upstream, place.manner)
  return start(place, OURS, (port) => [
    ...[...GATEWAY_ARGV, '--config', config, '--state-dir', join(folder, 'state')],
    ...['--port', String(port), '--log-level', place.logLevel],
  ])
}

async function start(
  place: Place,
  name: string,
  argv: (port: number) => string[],
): Promise<Subject> {
  const port = await freePort()
  return answering(place, place.programs.start(name, argv(port)), port)
}

async function answering({ programs }: Place, program: Program, port: number): Promise<Subject> {
  const url = `http://127.0.0.1:${port}`
  await untilItAnswers(programs, program, url)
  return { name: program.name, url, pids: CAN_READ_CPU ? processTree(program.pid) : [program.pid] }
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

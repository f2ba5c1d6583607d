import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.js'
import { GATEWAY_ARGV } from './gateway-command.js'
import type { Programs } from './programs.js'
import { type Spread, spreadOf } from './statistics.js'
import { layOut, spreadCell } from './table.js'

const MAIN = 'dist/main.js'
const SAMPLE = ['sample-backend', '--model', 'text', '--load-time', '300']
const LOOK_EVERY_MS = 1
const GIVE_UP_MS = 60_000

/** Milliseconds from the ask to the whole answer, once for each round. */
export interface WakeTimes {
  /** The backend alone: from its start to its first answer. */
  readonly own: readonly number[]
  /** Through a gateway that has to start it first. */
  readonly cold: readonly number[]
  /** Through a gateway, asked the moment its idle backend was killed. */
  readonly crash: readonly number[]
}

/** Measures, round by round, what a gateway adds to the start of a backend. */
export async function measureWake(
  programs: Programs,
  folder: string,
  rounds: number,
): Promise<WakeTimes> {
  const times = { own: [] as number[], cold: [] as number[], crash: [] as number[] }
  for (let round = 0; round < rounds; round += 1) {
    times.own.push(await startAlone(programs))
    const { cold, crash } = await startBehindGateway(programs, join(folder, `wake-${round}`))
    times.cold.push(cold)
    times.crash.push(crash)
  }
  return times
}

export function wakeTable({ own, cold, crash }: WakeTimes): string {
  const added = (times: readonly number[]) => times.map((ms, at) => ms - (own[at] ?? 0))
  const row = (name: string, times: readonly number[], over?: Spread) => [
    name,
    spreadCell(spreadOf(times), 0),
    over ? spreadCell(over, 0) : '',
  ]
  return layOut(
    ['asked', 'answered after ms', 'over its own start ms'],
    [
      row('the backend alone, from its start', own),
      row('a gateway whose backend is stopped', cold, spreadOf(added(cold))),
      row('a gateway whose idle backend was just killed', crash, spreadOf(added(crash))),
    ],
  )
}

async function startAlone(programs: Programs): Promise<number> {
  const port = await freePort()
  const begun = performance.now()
  const program = programs.start('alone', [MAIN, ...SAMPLE, '--port', String(port)])
  await answered(port)
  const took = performance.now() - begun
  process.kill(program.pid, 'SIGKILL')
  return took
}

async function startBehindGateway(programs: Programs, stateDir: string) {
  const port = await freePort()
  const file = `${stateDir}.json`
  const args = ['${gatehouse}', ...SAMPLE, '--port', '${port}']
  const text = { serves: ['text'], process: { command: '${node}', args } }
  writeFileSync(file, JSON.stringify({ backends: { text } }))
  const place = ['--host', '127.0.0.1', '--port', String(port), '--state-dir', stateDir]
  const gateway = programs.start('gateway', [...GATEWAY_ARGV, '--config', file, ...place])
  await answered(port, { path: '/healthz', method: 'GET' })
  const cold = await timed(() => answered(port))
  process.kill(pidOfBackend(stateDir), 'SIGKILL')
  const crash = await timed(() => answered(port))
  process.kill(gateway.pid, 'SIGTERM')
  while (programs.isRunning(gateway)) await sleep(LOOK_EVERY_MS)
  return { cold, crash }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

function pidOfBackend(stateDir: string): number {
  const file = join(stateDir, 'backends.json')
  if (!existsSync(file)) throw new Error('the gateway wrote down no backend')
  return JSON.parse(readFileSync(file, 'utf8')).backends.text.pid
}

/** Asks until there is an answer with status 200; a refused connection is asked again a millisecond later. */
async function answered(
  port: number,
  how: { path: string; method: string } = { path: '/api/v1/generate', method: 'POST' },
): Promise<void> {
  const until = performance.now() + GIVE_UP_MS
  while (!(await isAnswered(port, how))) {
    if (performance.now() > until) throw new Error(`no answer to ${how.path} within a minute`)
    await sleep(LOOK_EVERY_MS)
  }
}

function isAnswered(port: number, how: { path: string; method: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, ...how, agent: false }, (reply) => {
      reply.resume()
      reply.on('end', () => resolve(reply.statusCode === 200))
    })
    asked.on('error', () => resolve(false))
    asked.end(how.method === 'POST' ? '{"prompt":"Call me","max_length":1}' : undefined)
  })
}

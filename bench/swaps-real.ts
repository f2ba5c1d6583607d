import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SYSTEM_CLOCK } from '../src/memory/devices/clock.js'
import { freePort } from './free-port.js'
import { GATEWAY_ARGV } from './gateway-command.js'
import type { Program, Programs } from './programs.js'
import { quantile } from './statistics.js'
import { CARD, LIMITS, simulate } from './swaps.js'
import { answers, complete, inTokens, measureOwn, type Own, PACE, tokensOf } from './swaps-own.js'
import { seconds } from './swaps-table.js'
import { compress, makeTrace, WORKLOADS, type Workload } from './swaps-trace.js'
import { type Ask, type Card, type Limits, type Outcome, type Policy, play } from './swaps-world.js'
import { layOut } from './table.js'

/** So much faster than the trace is it played: its limits and loads, too. */
const COMPRESSION = 12.5
/** Little more than a minute of it, with more sessions at once than the long trace has. */
const MOST_ASKS = 100
const GAP_MS = 20_000
const LOOK_EVERY_MS = 5

/** What became of one trace, in reality or in the simulation of it. */
export interface RealRow extends Outcome {
  readonly what: 'the gateway' | 'simulated'
  readonly swaps: number
}

export interface RealResult {
  readonly rows: readonly RealRow[]
  readonly own: Own
  /** Of the starts and evictions, what /metrics says. */
  readonly metrics: readonly string[]
}

export interface RealAsk {
  readonly programs: Programs
  readonly folder: string
  readonly seed: number
  readonly asks: number
}

/** Has the built gateway and three sample backends serve a short trace, and the simulation the same. */
export async function measureReal({ programs, folder, seed, asks }: RealAsk): Promise<RealResult> {
  const trace = makeTrace({ seed, asks: Math.min(asks, MOST_ASKS), gapMs: GAP_MS })
  const own = await measureOwn(programs)
  const quick = inTokens(compress(trace, COMPRESSION), own)
  const port = await freePort()
  const gateway = await startGateway({ programs, folder }, port)
  const outcome = await play(quick, new RealGateway(port, own), SYSTEM_CLOCK)
  const metrics = await metricsOf(port)
  process.kill(gateway.pid, 'SIGTERM')
  while (programs.isRunning(gateway)) await delay(LOOK_EVERY_MS)
  const model = { card: quickCard(own), limits: quickLimits() }
  const simulated = await simulate('ours', quick, model)
  return {
    rows: [
      { what: 'the gateway', swaps: startsIn(metrics), ...outcome },
      { what: 'simulated', ...simulated },
    ],
    own,
    metrics,
  }
}

export function realTable({ rows, own, metrics }: RealResult): string {
  const headings = ['what', 'swaps', 'makespan s', 'wait p50 s', 'p95', 'longest', 'refused']
  const lines = rows.map(({ what, swaps, makespanMs, waitsMs, refused }) => [
    what,
    String(swaps),
    seconds(makespanMs),
    seconds(quantile(waitsMs, 0.5), 2),
    seconds(quantile(waitsMs, 0.95), 2),
    seconds(Math.max(...waitsMs), 2),
    String(refused),
  ])
  const { startMs, stopMs, tokenMs, requestMs } = own
  const alone = `the sample backend alone: ${startMs.toFixed(0)} ms to start, ${stopMs.toFixed(0)} to end`
  const pace = `${requestMs.toFixed(0)} a request, ${tokenMs.toFixed(1)} a token`
  return [layOut(headings, lines), '', `${alone}, ${pace}`, ...metrics].join('\n')
}

/** Asks over HTTP. The service takes as long as its tokens; the rest of the time until the answer was waiting. */
class RealGateway implements Policy {
  readonly #port: number
  readonly #own: Own

  constructor(port: number, own: Own) {
    this.#port = port
    this.#own = own
  }

  async serve({ client, workload, serviceMs }: Ask): Promise<number | undefined> {
    const tokens = tokensOf(serviceMs, this.#own)
    const reply = await complete(this.#port, { client, workload, tokens })
    if (reply.ok) return SYSTEM_CLOCK.now() - serviceMs
    process.stderr.write(`${workload}: ${reply.status} ${reply.text}\n`)
    return undefined
  }
}

function quickCard({ startMs, stopMs }: Own): Card {
  const quick = (workload: Workload) => {
    const { memoryGib, loadMs } = CARD.backends[workload]
    return { memoryGib, loadMs: loadMs / COMPRESSION + startMs, stopMs }
  }
  return {
    memoryGib: CARD.memoryGib,
    backends: { text: quick('text'), image: quick('image'), whisper: quick('whisper') },
  }
}

function quickLimits(): Limits {
  return {
    minResidencyMs: LIMITS.minResidencyMs / COMPRESSION,
    patienceMs: LIMITS.patienceMs / COMPRESSION,
    maxWaitMs: LIMITS.maxWaitMs / COMPRESSION,
  }
}

/** All three speak text, so that how long a service takes can be said with each request. */
function routes(): object {
  const backend = (workload: Workload) => {
    const { memoryGib, loadMs } = CARD.backends[workload]
    const sample = ['${gatehouse}', 'sample-backend', '--port', '${port}', '--name', workload]
    const load = ['--load-time', String(loadMs / COMPRESSION)]
    return {
      serves: ['text'],
      memory: { gpu0: `${memoryGib}GiB` },
      process: { command: '${node}', args: [...sample, ...PACE, ...load] },
    }
  }
  const { minResidencyMs, patienceMs, maxWaitMs } = quickLimits()
  return {
    scheduling: {
      minResidency: `${minResidencyMs}ms`,
      patience: `${patienceMs}ms`,
      maxWait: `${maxWaitMs}ms`,
    },
    devices: { gpu0: { memory: `${CARD.memoryGib}GiB` } },
    backends: Object.fromEntries(WORKLOADS.map((workload) => [workload, backend(workload)])),
  }
}

async function startGateway(
  { programs, folder }: Pick<RealAsk, 'programs' | 'folder'>,
  port: number,
): Promise<Program> {
  const place = join(folder, 'swaps')
  mkdirSync(place)
  const file = join(place, 'routes.json')
  writeFileSync(file, JSON.stringify(routes()))
  const where = ['--host', '127.0.0.1', '--port', String(port), '--state-dir', join(place, 'state')]
  const gateway = programs.start('swaps gateway', [...GATEWAY_ARGV, '--config', file, ...where])
  await answers(programs, gateway, `http://127.0.0.1:${port}/healthz`)
  return gateway
}

async function metricsOf(port: number): Promise<string[]> {
  const reply = await fetch(`http://127.0.0.1:${port}/metrics`)
  const wanted = /^gatehouse_backend_(starts|evictions|crashes)_total\{/
  return (await reply.text()).split('\n').filter((line) => wanted.test(line))
}

/** Also starts that came to nothing have loaded something. */
function startsIn(metrics: readonly string[]): number {
  return metrics
    .filter((line) => line.startsWith('gatehouse_backend_starts_total{'))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0)
}

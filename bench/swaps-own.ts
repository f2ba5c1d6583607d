import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './free-port.js'
import { lastOutput, type Program, type Programs } from './programs.js'
import type { Session, Workload } from './swaps-trace.js'

const MAIN = 'dist/main.js'
const LOOK_EVERY_MS = 5
const TRIES = 3
/** How fast the sample backends make text. */
export const PACE = ['--first-token-delay', '0', '--token-interval', '20']
const TRIED_TOKENS = 100
const GIVE_UP_MS = 20_000

/** What the sample backend takes by itself, on this machine now. */
export interface Own {
  /** To start and to end where nothing is loaded. */
  readonly startMs: number
  readonly stopMs: number
  /** For each token, and for a request besides. */
  readonly tokenMs: number
  readonly requestMs: number
}

/** The least of several tries: what is more was for others who work on this machine. */
export async function measureOwn(programs: Programs): Promise<Own> {
  const tries: Own[] = []
  for (let i = 0; i < TRIES; i += 1) tries.push(await tryOnce(programs))
  const least = (name: keyof Own) => Math.min(...tries.map((one) => one[name]))
  return {
    startMs: least('startMs'),
    stopMs: least('stopMs'),
    tokenMs: least('tokenMs'),
    requestMs: least('requestMs'),
  }
}

async function tryOnce(programs: Programs): Promise<Own> {
  const port = await freePort()
  const empty = [...PACE, '--load-time', '0', '--port', String(port)]
  const begun = performance.now()
  const program = programs.start('alone', [MAIN, 'sample-backend', ...empty])
  await answers(programs, program, `http://127.0.0.1:${port}/api/v1/model`)
  const startMs = performance.now() - begun
  const timed = async (tokens: number) => {
    const asked = performance.now()
    await complete(port, { client: 'nobody', workload: 'text', tokens })
    return performance.now() - asked
  }
  await timed(1) // the first warms it up
  const one = await timed(1)
  const tokenMs = ((await timed(TRIED_TOKENS + 1)) - one) / TRIED_TOKENS
  const told = performance.now()
  process.kill(program.pid, 'SIGTERM')
  while (programs.isRunning(program)) await delay(LOOK_EVERY_MS)
  return {
    startMs,
    stopMs: performance.now() - told,
    tokenMs,
    requestMs: Math.max(0, one - tokenMs),
  }
}

/** How many of them take about so long. */
export function tokensOf(serviceMs: number, { requestMs, tokenMs }: Own): number {
  return Math.max(1, Math.round((serviceMs - requestMs) / tokenMs))
}

/** The same with services of whole tokens, as long as those really take. */
export function inTokens(trace: readonly Session[], own: Own): Session[] {
  const whole = (ms: number) => own.requestMs + tokensOf(ms, own) * own.tokenMs
  return trace.map((session) => ({
    ...session,
    asks: session.asks.map((ask) => ({ ...ask, serviceMs: whole(ask.serviceMs) })),
  }))
}

interface Completion {
  readonly client: string
  readonly workload: Workload
  readonly tokens: number
}

/** Has a text of so many tokens made. */
export async function complete(port: number, { client, workload, tokens }: Completion) {
  const reply = await fetch(`http://127.0.0.1:${port}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${client}` },
    body: JSON.stringify({ model: workload, prompt: 'Tell me', max_tokens: tokens }),
  })
  return { ok: reply.ok, status: reply.status, text: await reply.text() }
}

/** Resolves once a program answers at this address; fails where that never comes. */
export async function answers(programs: Programs, program: Program, url: string): Promise<void> {
  const until = performance.now() + GIVE_UP_MS
  while (programs.isRunning(program) && performance.now() < until) {
    const reply = await fetch(url).catch(() => undefined)
    await reply?.arrayBuffer()
    if (reply?.ok) return
    await delay(LOOK_EVERY_MS)
  }
  throw new Error(`'${program.name}' does not answer\n${lastOutput(program)}`)
}

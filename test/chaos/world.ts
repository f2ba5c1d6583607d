import { readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'
import { loadConfig } from '../../src/config/load.js'
import { type Gateway, startGateway } from '../helpers/gateway.js'
import { isAlive } from '../helpers/program.js'
import { until } from '../helpers/until.js'

export const NAMES = ['a', 'b', 'c'] as const
const MANNERS = ['plain', 'plain', 'plain', 'slow', 'stubborn', 'broken'] as const
const WISHES = ['plain', 'late', 'pieces', 'hang', 'die'] as const
/** Longer than any start, stop and answer here may take on a busy machine. */
const BOUND_MS = 30_000

/** Numbers that look random and are the same for the same seed. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** A gateway over real little processes, the things that happen to it, and what must be true whatever happens. */
export class World {
  readonly #gateway: Gateway
  readonly #pick: (below: number) => number
  readonly #asks = new Set<Promise<void>>()
  #manners: Record<string, string>
  #revision = 0
  readonly outcomes = new Map<string, number>()
  readonly faults: string[] = []

  private constructor(gateway: Gateway, pick: (below: number) => number) {
    this.#gateway = gateway
    this.#pick = pick
    this.#manners = Object.fromEntries(NAMES.map((name) => [name, 'plain']))
  }

  static async create(t: Test, pick: (below: number) => number): Promise<World> {
    const gateway = await startGateway(t, { backends: {} })
    const world = new World(gateway, pick)
    world.#apply()
    return world
  }

  /** Lets one random thing happen, and returns its name. */
  async step(): Promise<string> {
    const things: [string, () => void | Promise<void>][] = [
      ['ask', () => this.#ask()],
      ['ask', () => this.#ask()],
      ['several asks', () => NAMES.forEach(() => void this.#ask())],
      ['ask and leave', () => this.#ask(this.#pick(120))],
      ['kill -9', () => this.#kill()],
      ['stop', () => void this.#gateway.app.pool.get(this.#name())?.stop('chaos')],
      ['reload', () => this.#reload()],
      ['wait', () => new Promise((resolve) => setTimeout(resolve, this.#pick(80)))],
      ['let all settle', () => this.settle()],
    ]
    const [name, happen] = things[this.#pick(things.length)] ?? ['', () => {}]
    await happen()
    await this.check(name)
    return name
  }

  /** What must be true at every moment; that a client is gone shows within milliseconds, on a busy machine later. */
  async check(after: string): Promise<void> {
    for (const name of NAMES) {
      const living = this.#pids(name).filter(isAlive)
      if (living.length > 1)
        this.faults.push(`${after}: ${name} has processes ${living.join(', ')}`)
    }
    const inFlight = () =>
      this.#gateway.app.pool.statuses().reduce((sum, one) => sum + one.inFlight, 0)
    await until('no lease outlives its reply', () => inFlight() <= this.#asks.size, 5_000).catch(
      () => this.faults.push(`${after}: a lease outlived its reply`),
    )
  }

  /** Every ask ends within its bound. */
  async settle(): Promise<void> {
    await until('every ask has ended', () => this.#asks.size === 0, BOUND_MS)
    await until(
      'every lease has ended',
      () =>
        this.#gateway.app.pool
          .statuses()
          .every(({ inFlight, waiting }) => inFlight + waiting === 0),
      BOUND_MS,
    )
  }

  /** Nothing is left afterwards. */
  async close(): Promise<void> {
    await this.#gateway.app.close()
    const living = NAMES.flatMap((name) => this.#pids(name)).filter(isAlive)
    if (living.length > 0) this.faults.push(`after close: ${living.join(', ')} live`)
    if (this.#gateway.app.state.names().length > 0) this.faults.push('after close: state is left')
  }

  #ask(leaveAfterMs?: number): void {
    const name = this.#name()
    const wish = WISHES[this.#pick(WISHES.length)] ?? 'plain'
    const patience = leaveAfterMs ?? (wish === 'hang' ? 150 : BOUND_MS)
    const signal = AbortSignal.timeout(patience)
    const ask = this.#fetch(name, wish, signal).then((outcome) => {
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
      this.#asks.delete(ask)
    })
    this.#asks.add(ask)
  }

  async #fetch(name: string, body: string, signal: AbortSignal): Promise<string> {
    try {
      const reply = await fetch(`${this.#gateway.url}/${name}/x`, { method: 'POST', body, signal })
      const text = await reply.text()
      if (reply.status !== 200) return String(reply.status)
      const answer = JSON.parse(text) as { name: string }
      if (answer.name !== name) this.faults.push(`${name} was answered by ${answer.name}`)
      return '200'
    } catch (error) {
      if (signal.aborted) return 'left'
      return error instanceof TypeError ? 'broken' : `odd: ${String(error)}`
    }
  }

  #kill(): void {
    const pid = this.#pids(this.#name()).filter(isAlive)[0]
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
  }

  #reload(): void {
    const manner = MANNERS[this.#pick(MANNERS.length)] ?? 'plain'
    this.#manners = { ...this.#manners, [this.#name()]: manner }
    this.#revision += 1
    this.#apply()
  }

  #apply(): void {
    const file = join(this.#gateway.folder, 'routes.json')
    const backends = Object.fromEntries(NAMES.map((name) => [name, this.#backend(name)]))
    const routes = NAMES.map((name) => ({ path: `/${name}/*`, to: `backend:${name}` }))
    writeFileSync(file, JSON.stringify({ backends, routes }))
    this.#gateway.app.apply(loadConfig(file, {}))
  }

  #backend(name: string) {
    const program = resolve('test/fixtures/tells-who-it-is.mjs')
    const manner = this.#manners[name] ?? 'plain'
    return {
      dialect: 'generic',
      bodies: 'buffer',
      concurrency: 2,
      stopTimeout: '200ms',
      livenessInterval: '100ms',
      idleTimeout: manner === 'slow' ? '100ms' : '0',
      process: {
        command: '${node}',
        args: [program, '${port}', name, this.#folder(name), manner],
        env: { REVISION: String(manner === 'broken' ? this.#revision : 0) },
      },
    }
  }

  #pids(name: string): number[] {
    try {
      return readdirSync(this.#folder(name)).map(Number)
    } catch {
      return [] // not started yet
    }
  }

  #folder(name: string): string {
    return join(this.#gateway.folder, 'pids', name)
  }

  #name(): string {
    return NAMES[this.#pick(NAMES.length)] ?? 'a'
  }
}

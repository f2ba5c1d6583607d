import type { Test } from 'tap'
import { makeCards, type PretendCard, sampleOnCard } from './cards.js'
import { type Gateway, startGateway } from './gateway.js'
import { until } from './until.js'

const SOON = { minResidency: '50ms', patience: '300ms', maxWait: '20s' }
export const CARD: PretendCard = { uuid: 'GPU-aaaa', name: 'Pretend 1000', totalMiB: 1000 }
const AUTO = { gpu0: { memory: 'auto' } }
export const MIB = 2 ** 20

interface Scene {
  readonly cards?: readonly PretendCard[]
  readonly devices?: object
  readonly scheduling?: object
  readonly backends: Readonly<Record<string, object>>
}

/** A routes.json in which each backend has the paths below its name. */
export function routesOf(backends: Scene['backends']) {
  const routes = Object.keys(backends).map((name) => ({
    path: `/${name}/*`,
    to: `backend:${name}`,
    stripPrefix: true,
  }))
  return { devices: AUTO, scheduling: SOON, backends, routes }
}

/** A gateway beside pretend cards: one of 1,000 MiB where nothing else is said. */
export async function stage(
  t: Test,
  { cards = [CARD], devices = AUTO, scheduling, backends }: Scene,
) {
  const pretend = makeCards(t, cards)
  const config = { ...routesOf(backends), devices, scheduling: { ...SOON, ...scheduling } }
  const gateway = await startGateway(t, config, { env: pretend.env })
  return { gateway, pretend }
}

interface Model {
  /** What it takes of the card, in MiB; `'600:100'`: 100 more at each SIGUSR2. */
  readonly mib: number | `${number}:${number}`
  readonly options?: string[]
  readonly [setting: string]: unknown
}

export function on({ mib, options = [], ...settings }: Model) {
  const memory = { gpu0: `${Number.parseInt(String(mib), 10)}MiB` }
  return { ...sampleOnCard(mib, options), memory, ...settings }
}

interface Ask {
  readonly body?: object
  readonly signal?: AbortSignal
}

export async function ask({ url }: Gateway, backend: string, { body, signal }: Ask = {}) {
  const reply = await fetch(`${url}/${backend}/api/v1/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'a', max_length: 4, ...body }),
    ...(signal && { signal }),
  })
  return { status: reply.status, text: await reply.text(), headers: reply.headers }
}

export function stateOf({ app }: Gateway, backend: string): string | undefined {
  return app.pool.get(backend)?.status().state
}

export async function metric({ url }: Gateway, line: string): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const found = text.split('\n').find((one) => one.startsWith(line))
  return found === undefined ? undefined : Number(found.slice(found.lastIndexOf(' ')))
}

/** A request that takes seconds; resolves once it runs. */
export async function keepBusy(gateway: Gateway, backend: string, tokens: number) {
  const done = ask(gateway, backend, { body: { max_length: tokens, ban_eos_token: true } })
  await until('it runs', () => gateway.app.pool.get(backend)?.status().inFlight === 1)
  return { done }
}

export function warnings({ logged }: Gateway): string[] {
  return logged.filter(({ level }) => level === 40).map(({ msg }) => String(msg))
}

export function isIdle({ app }: Gateway, backend: string): boolean {
  return app.memory.scheduler.tenants().some(({ name, is }) => name === backend && is === 'idle')
}

export function isEmpty(gateway: Gateway): boolean {
  return gateway.app.memory.scheduler.reserved().size === 0
}

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { Backend } from '../../src/backends/backend.js'
import { DeviceTurns } from '../../src/backends/device-turns.js'
import type { Lease, LeaseAsk } from '../../src/backends/lease.js'
import type { Move, StartReport } from '../../src/backends/recorder.js'
import { NEXT, type State } from '../../src/backends/states.js'
import type { BackendConfig } from '../../src/config/config.js'
import { parseConfig } from '../../src/config/load.js'
import type { Launcher } from '../../src/launchers/launcher.js'
import type { Memory } from '../../src/memory/memory.js'
import { FakeLauncher } from './fake-launcher.js'
import { makeMemory } from './memory.js'
import { until } from './until.js'

/** A backend of routes.json by the name `text`, every default filled in. */
export function backendConfig(settings: object = {}): BackendConfig {
  const process = { command: 'never-run', args: ['${port}'] }
  const text = { process, serves: ['text'], dialect: 'openai', ...settings }
  const source = { file: '/nowhere/routes.json', env: {} }
  const [config] = parseConfig(JSON.stringify({ backends: { text } }), source).backends
  if (!config) throw new Error('no backend in it')
  return config
}

/** What answers the readiness probes of the fake runs: 503 is not ready yet in the dialect `openai`. */
export interface Probe {
  readonly origin: string
  reply: { status: number; body: string }
  asked: number
}

export const LOADING = { status: 503, body: '' }
export const UP = { status: 200, body: '{}' }

export async function startProbe(t: Test): Promise<Probe> {
  const probe: Probe = { origin: '', reply: UP, asked: 0 }
  const server: Server = createServer((_request, reply) => {
    probe.asked += 1
    reply.writeHead(probe.reply.status).end(probe.reply.body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return Object.assign(probe, {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  })
}

export interface Stage {
  readonly backend: Backend
  readonly launcher: FakeLauncher
  readonly probe: Probe
  readonly moves: Move[]
  readonly starts: StartReport[]
  readonly leftBehind: unknown[]
  crashes: number
  /** Called at each move, in its tick. */
  onMove: (move: Move) => void
  state(): State
  /** The states it went through, from the first on. */
  path(): State[]
  lease(ask?: Partial<LeaseAsk>): Promise<Lease>
  /** Resolves when it is in this state. */
  is(state: State): Promise<void>
}

export interface Scene {
  readonly settings?: object
  readonly kind?: Launcher['kind']
  readonly drainTimeoutMs?: number
  readonly probe?: Probe
  readonly memory?: Memory
}

/** A backend with a fake launcher; when the test ends every gate is opened and it is stopped. */
export async function stageBackend(t: Test, scene: Scene = {}): Promise<Stage> {
  const probe = scene.probe ?? (await startProbe(t))
  const launcher = new FakeLauncher(scene.kind ?? 'process', probe.origin)
  const [moves, starts, leftBehind]: [Move[], StartReport[], unknown[]] = [[], [], []]
  const recorder = {
    moved: (move: Move) => {
      moves.push(move)
      stage.onMove(move)
    },
    started: (report: StartReport) => void starts.push(report),
    crashed: () => {
      stage.crashes += 1
    },
    leftBehind: (_backend: string, cause: unknown) => void leftBehind.push(cause),
  }
  const { drainTimeoutMs = 60_000 } = scene
  const parts = { launcher, recorder, drainTimeoutMs, turns: new DeviceTurns([]) }
  const memory = scene.memory ?? makeMemory(t)
  const backend = new Backend(backendConfig(scene.settings), { ...parts, memory })
  const state = () => backend.status().state
  const stage: Stage = {
    ...{ backend, launcher, probe, moves, starts, leftBehind, state },
    crashes: 0,
    onMove: () => {},
    path: () => ['stopped', ...moves.map(({ to }) => to)],
    lease: (ask) => backend.lease({ ...ASK, ...ask }),
    is: (wanted) => until(`it is ${wanted}`, () => state() === wanted),
  }
  t.teardown(async () => {
    launcher.startGate.open()
    launcher.stopGate.open()
    for (const run of launcher.runs) run.kill()
  })
  return stage
}

export const ASK: LeaseAsk = {
  client: 'a',
  signal: new AbortController().signal,
  wake: true,
  lane: true,
  onlyIdle: false,
}

/** What is wrong with a list of moves: nothing, if each is legal and begins where the one before it ended. */
export function illegalMoves(moves: readonly Move[]): string[] {
  let at: State = 'stopped'
  return moves.flatMap(({ from, to }) => {
    const isLegal = from === at && NEXT[from].includes(to)
    at = to
    return isLegal ? [] : [`${from} → ${to}`]
  })
}

/** Whether a promise is still pending after everything that is due now has happened. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true
  const settled = () => {
    pending = false
  }
  promise.then(settled, settled)
  for (let turn = 0; turn < 9; turn += 1) await new Promise(setImmediate)
  return pending
}

/** A backend that is ready, with nothing to do. */
export async function readyBackend(t: Test, scene: Scene = {}): Promise<Stage> {
  const stage = await stageBackend(t, scene)
  ;(await stage.lease()).end()
  return stage
}

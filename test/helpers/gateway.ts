import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import pino from 'pino'
import type { Test } from 'tap'
import { type App, createApp } from '../../src/app.js'
import type { Move, StartReport } from '../../src/backends/recorder.js'
import { loadConfig } from '../../src/config/load.js'

/** The built program: sample backends start from it faster than through tsx. */
export const BUILT_MAIN = resolve('dist/main.js')

export interface Gateway {
  readonly app: App
  readonly url: string
  readonly port: number
  readonly moves: Move[]
  readonly starts: StartReport[]
  /** The access log and everything else that was logged, parsed. */
  readonly logged: Record<string, unknown>[]
  readonly stateDir: string
  /** Where its routes.json lies. */
  readonly folder: string
}

export interface Place {
  /** With that of a gateway which was closed it finds the state of that. */
  readonly folder?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * A gateway on a free port with this routes.json; closed, with all its backends, when the test ends.
 */
export async function startGateway(
  t: Test,
  routes: { readonly listen?: object; readonly [part: string]: unknown },
  { folder = tempFolder(t), env = process.env }: Place = {},
): Promise<Gateway> {
  const file = join(folder, 'routes.json')
  // A test machine may be so busy that the gateway would refuse work.
  const listen = { maxEventLoopDelay: 0, ...routes.listen }
  writeFileSync(file, JSON.stringify({ ...routes, listen }))
  const config = loadConfig(file, env)
  const moves: Move[] = []
  const starts: StartReport[] = []
  const logged: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (line) => void logged.push(JSON.parse(line)) })
  const stateDir = join(folder, 'state')
  const host = {
    platform: process.platform,
    env,
    node: process.execPath,
    gatehouse: BUILT_MAIN,
    stateDir,
  }
  const watcher = {
    moved: (move: Move) => void moves.push(move),
    started: (report: StartReport) => void starts.push(report),
    crashed: () => {},
    leftBehind: () => {},
  }
  const app = createApp(config, { host, log, version: '0.0.0-test', watcher })
  const url = await app.server.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.server.close())
  return { app, url, port: Number(new URL(url).port), moves, starts, logged, stateDir, folder }
}

/** A folder that is removed when the test ends. */
export function tempFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A backend that is the bundled sample backend, with these of its options. */
export function sample(model: string, options: readonly string[] = []) {
  const args = ['${gatehouse}', 'sample-backend', '--port', '${port}', '--model', model]
  return {
    serves: [model],
    stopTimeout: '600ms',
    process: {
      command: '${node}',
      args: [...args, '--load-time', '50', '--token-interval', '5', ...options],
    },
  }
}

/** A backend that already runs at this address. */
export function external(url: string, settings: object = {}) {
  return { serves: ['text'], dialect: 'generic', bodies: 'buffer', url, ...settings }
}

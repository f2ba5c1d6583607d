import { resolve } from 'node:path'
import type { Logger } from 'pino'
import { type App, createApp } from '../app.js'
import type { Config } from '../config/config.js'
import { loadConfig } from '../config/load.js'
import { claimStateFile } from '../launchers/claim.js'
import type { Host } from '../launchers/host.js'
import type { RunOptions } from './arguments.js'
import { banner } from './banner.js'
import { LiveLine } from './live-line.js'
import { listenOnIpv6Too } from './localhost.js'
import { createJsonLog, createPrettyLog } from './log.js'
import { Reloader } from './reload.js'
import { defaultStateDir } from './state-dir.js'

/** What the gateway needs of the process it runs in. */
export interface Surroundings {
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  readonly node: string
  /** Absolute path of the program's entry file. */
  readonly gatehouse: string
  readonly pid: number
  readonly version: string
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean }
}

export interface Running {
  readonly app: App
  readonly log: Logger
  /** Reads routes.json again. */
  reload(): void
  /** Lets running replies end, then stops the backends, or leaves them if the options say so. */
  close(): Promise<void>
}

/** Loads the configuration, makes the gateway and listens. Throws a ConfigError, or what listening threw. */
export async function run(options: RunOptions, around: Surroundings): Promise<Running> {
  const loaded = loadConfig(resolve(options.configFile), around.env)
  const config = withOverrides(loaded, options)
  const live = around.stdout.isTTY
    ? new LiveLine({ write: (text) => void around.stdout.write(text) })
    : undefined
  const log = live
    ? await createPrettyLog(options.logLevel, (text) => live.print(text))
    : createJsonLog(options.logLevel)
  const { version } = around
  const host = hostOf(config, options, around)
  const app = createApp(config, { host, log, version, ...(live && { watcher: live }) })
  await claimStateFile(app.state, around.pid, around.platform)
  const second = await listen(app, config)
  await app.pool.adopt() // after listening: a port that is taken must not cost the models that are loaded
  live?.print(banner(config, { url: urlOf(app), version, statuses: app.pool.statuses() }))
  app.pool.preload()
  const reloader = new Reloader(loaded, { app, log, env: around.env })
  const close = async () => {
    reloader.close()
    second?.close()
    await app.close(options.keepBackends ? 'release' : 'end')
    live?.close()
  }
  return { app, log, reload: () => reloader.reload(), close }
}

function withOverrides(config: Config, { host, port }: RunOptions): Config {
  const listen = {
    ...config.listen,
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
  }
  return { ...config, listen }
}

function hostOf(config: Config, options: RunOptions, around: Surroundings): Host {
  const { platform, env, node, gatehouse } = around
  const stateDir = options.stateDir ?? defaultStateDir(platform, env, config.file)
  return { platform, env, node, gatehouse, stateDir: resolve(stateDir) }
}

/** Resolves with the second socket of `localhost`, where there is one. */
async function listen(app: App, { listen: { host, port } }: Config) {
  const { server } = app
  const first = host === 'localhost' ? '127.0.0.1' : host
  try {
    await server.listen({ host: first, port, listenTextResolver: (at) => `listening at ${at}` })
    return host === 'localhost' ? await listenOnIpv6Too(server.server) : undefined
  } catch (error) {
    await app.close('release')
    throw error
  }
}

/** The address to paste: a loopback name where everything local is listened on. */
function urlOf({ server }: App): string {
  const addresses = server.addresses().filter((address) => typeof address === 'object')
  const address = addresses.find(({ family }) => family === 'IPv4') ?? addresses[0]
  if (!address) return ''
  const anywhere = address.address === '0.0.0.0' || address.address === '::'
  const name = anywhere ? 'localhost' : address.address
  return `http://${name.includes(':') ? `[${name}]` : name}:${address.port}`
}

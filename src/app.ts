import proxyAddr from '@fastify/proxy-addr'
import Fastify, { type FastifyInstance, LogController } from 'fastify'
import type { Logger } from 'pino'
import { createLifeLog } from './backends/life-log.js'
import { Pool } from './backends/pool.js'
import { type BackendRecorder, recordTo } from './backends/recorder.js'
import type { Config } from './config/config.js'
import { replyWithError } from './error-reply.js'
import { KoboldFace } from './front/face.js'
import type { Host } from './launchers/host.js'
import { Metrics } from './metrics/metrics.js'
import { registerMetrics } from './metrics/plugin.js'
import { createAccessLog } from './proxy/access-log.js'
import { registerProxy } from './proxy/plugin.js'
import type { ExchangeRecorder } from './proxy/recorder.js'
import { createMatcher } from './routing/match.js'
import { createPicker } from './routing/pick.js'

export interface AppParts {
  readonly host: Host
  readonly log: Logger
  readonly version: string
  /** Also told of every move of a backend, such as the terminal's live line. */
  readonly watcher?: BackendRecorder
}

export interface App {
  readonly server: FastifyInstance
  readonly pool: Pool
}

/** Makes every part once and returns the gateway unlistened. Closing the server stops all backends. */
export function createApp(config: Config, parts: AppParts): App {
  const { log } = parts
  const server = createServer(config, log)
  const metrics: Metrics = new Metrics(parts.version, () => pool.statuses())
  const watchers = parts.watcher ? [parts.watcher] : []
  const pool = new Pool(
    config,
    parts.host,
    recordTo(createLifeLog(log), metrics.backends, ...watchers),
  )
  server.setErrorHandler((error, request, reply) => replyWithError(error, request, reply))
  registerMetrics(server, metrics, () => pool.isReady())
  registerProxy(server, {
    matcher: createMatcher(config.routes),
    picker: createPicker(config.backends),
    pool,
    face: new KoboldFace(config),
    recorder: recordExchanges(createAccessLog(log), metrics.exchanges),
    bufferBytes: config.listen.bufferBytes,
    trusts: createTrust(config.listen.trustProxy),
  })
  server.addHook('preClose', () => pool.close())
  return { server, pool }
}

function createServer({ listen }: Config, log: Logger): FastifyInstance {
  return Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // The access log names the request by its id: a child logger for each would cost more than the line.
    childLoggerFactory: (logger) => logger,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: true,
    trustProxy: listen.trustProxy.length > 0 ? [...listen.trustProxy] : false,
    keepAliveTimeout: listen.keepAliveTimeoutMs,
    requestTimeout: 0,
    frameworkErrors: (error, request, reply) => replyWithError(error, request, reply),
    http: {
      headersTimeout: listen.headerTimeoutMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: listen.maxHeaderBytes,
    },
  }) as unknown as FastifyInstance
}

function createTrust(addresses: readonly string[]): (address: string) => boolean {
  if (addresses.length === 0) return () => false
  const trust = proxyAddr.compile([...addresses])
  return (address) => trust(address, 0)
}

function recordExchanges(...recorders: readonly ExchangeRecorder[]): ExchangeRecorder {
  return {
    exchanged: (report) => {
      for (const recorder of recorders) recorder.exchanged(report)
    },
    eventGap: (backend, workload, gapMs) => {
      for (const recorder of recorders) recorder.eventGap(backend, workload, gapMs)
    },
  }
}

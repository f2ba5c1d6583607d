import type { Server, ServerResponse } from 'node:http'
import { join } from 'node:path'
import proxyAddr from '@fastify/proxy-addr'
import Fastify, { type FastifyInstance, LogController } from 'fastify'
import type { Logger } from 'pino'
import { registerAdmin } from './admin/plugin.js'
import { createLifeLog } from './backends/life-log.js'
import { createMemoryLog } from './backends/memory-log.js'
import { type Applied, Pool } from './backends/pool.js'
import { type BackendRecorder, recordTo } from './backends/recorder.js'
import type { Config, ListenConfig } from './config/config.js'
import { errorBody, refuseTunnel, replyToClientError, replyWithError } from './error-reply.js'
import { CORS_HEADERS } from './front/cors.js'
import { Front } from './front/front.js'
import type { Host } from './launchers/host.js'
import { Ports } from './launchers/ports.js'
import { StateFile } from './launchers/state-file.js'
import { amdSource } from './memory/devices/amd.js'
import { hostSource } from './memory/devices/host.js'
import { nvidiaSource } from './memory/devices/nvidia.js'
import { Learned } from './memory/learned.js'
import { Memory } from './memory/memory.js'
import { recordMemoryTo } from './memory/recorder.js'
import { createMemoryMetrics } from './metrics/memory.js'
import { Metrics } from './metrics/metrics.js'
import { registerMetrics } from './metrics/plugin.js'
import { createAccessLog } from './proxy/access-log.js'
import type { Routing } from './proxy/admit.js'
import { takeExpectations } from './proxy/continue.js'
import { registerProxy } from './proxy/plugin.js'
import { registerPressure } from './proxy/pressure.js'
import { registerRawDoor } from './proxy/raw-door.js'
import { recordExchanges } from './proxy/recorder.js'
import { createRequestIds } from './proxy/request-id.js'
import { Runs } from './proxy/runs.js'
import { toOriginForm } from './proxy/target.js'
import { watchUnused } from './proxy/unused-connections.js'
import { serveUpgrades } from './proxy/upgrade.js'
import { Defaults } from './routing/defaults.js'
import { createMatcher } from './routing/match.js'
import { createPicker } from './routing/pick.js'

export interface AppParts {
  readonly host: Host
  readonly log: Logger
  readonly version: string
  /** Also told of every move of a backend, such as the terminal's live line. */
  readonly watcher?: BackendRecorder
}

/** The gateway, unlistened. Closing it stops all backends, or leaves those that are ready to the next gateway. */
export interface App {
  readonly server: FastifyInstance
  readonly pool: Pool
  readonly memory: Memory
  readonly state: StateFile
  /** Takes over another configuration without dropping a request; `listen` is only read at a start. */
  apply(config: Config): Applied
  close(how?: 'end' | 'release'): Promise<void>
}

/** Makes every part once. */
export function createApp(config: Config, parts: AppParts): App {
  const { log } = parts
  const { listen } = config
  const server = createServer(config, log)
  const metrics: Metrics = new Metrics(parts.version, () => pool.statuses())
  const runs = new Runs()
  const { pool, memory, state, front } = createBackends(config, { ...parts, runs, metrics })
  let routing = createRouting(config, front)
  let closesBy: 'end' | 'release' = 'end'
  registerMetrics(server, metrics, () => pool.isReady())
  registerAdmin(server, { pool, memory, version: parts.version })
  const exchanges = recordExchanges(createAccessLog(log), metrics.exchanges, front.pictures.times)
  const trusts = createTrust(listen.trustProxy)
  const body = { bytes: listen.bufferBytes, idleMs: listen.bodyTimeoutMs }
  const admission = registerProxy(
    server,
    {
      ...{ routing: () => routing, pool, offers: serveUpgrades(server.server) },
      ...{ body, trusts, runs, recorder: exchanges },
      heartbeatMs: listen.heartbeatIntervalMs,
      voice: { errorBody, headers: CORS_HEADERS },
    },
    listen,
  )
  const closeUnused = watchUnused(server.server)
  registerPressure(server, listen.maxEventLoopDelayMs, exchanges)
  registerRawDoor(server, { pool, recorder: exchanges, trusts, body })
  server.addHook('preClose', async () => {
    closeUnused()
    server.server.close() // nobody comes in any more; connections in use end with their replies
    await Promise.all([pool.close(closesBy), admission.drain(listen.drainTimeoutMs)])
  })
  server.addHook('onListen', async () => front.listen())
  server.addHook('onClose', () => front.close())
  const apply = (next: Config) => {
    const nextRouting = createRouting(next, front) // first: whatever it refuses, nothing has been changed yet
    const applied = pool.apply(next)
    routing = nextRouting
    return applied
  }
  const close = async (how: 'end' | 'release' = 'end') => {
    closesBy = how
    await server.close()
  }
  return { server, pool, memory, state, apply, close }
}

/** The backends, and the face that they have together. */
function createBackends(config: Config, parts: AppParts & { runs: Runs; metrics: Metrics }) {
  const { host, log, watcher, runs, metrics } = parts
  const state = new StateFile(join(host.stateDir, 'backends.json'))
  const defaults = new Defaults()
  const front = new Front({
    ...{ log, stateDir: host.stateDir, defaults },
    ...{ underWay: runs, pool: () => pool },
  })
  const watchers = [front.recorder, ...(watcher ? [watcher] : [])]
  const recorder = recordTo(createLifeLog(log), metrics.backends, ...watchers)
  const memory = createMemory(config, parts, () => pool)
  const pool: Pool = new Pool(config, { host, ports: new Ports(), state, recorder, memory })
  return { pool, memory, state, front }
}

function createMemory(
  config: Config,
  { host, log, metrics }: AppParts & { metrics: Metrics },
  pool: () => Pool,
): Memory {
  const events = createMemoryMetrics(metrics.registry, {
    devices: () => memory.statuses(),
    backends: () => pool().statuses(),
  })
  const { platform, env, stateDir } = host
  const memory: Memory = new Memory(config, {
    sources: [nvidiaSource({ platform, env }), amdSource(), hostSource({ platform })],
    learned: new Learned(join(stateDir, 'memory.json')),
    recorder: recordMemoryTo(createMemoryLog(log), events),
    onWarning: (text) => log.warn(text),
    onInfo: (text) => log.info(text),
  })
  return memory
}

function createRouting(config: Config, front: Front): Routing {
  return {
    matcher: createMatcher(config.routes),
    picker: createPicker(config.backends, front.pickParts(config)),
    face: front.face(config),
  }
}

function createServer({ listen }: Config, log: Logger): FastifyInstance {
  const server = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // The access log names the request by its id: a child logger for each would cost more than the line.
    childLoggerFactory: (logger) => logger,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    pluginTimeout: 0, // closing waits for running replies, which takes as long as `drainTimeout` says
    forceCloseConnections: true,
    trustProxy: listen.trustProxy.length > 0 ? [...listen.trustProxy] : false,
    keepAliveTimeout: listen.keepAliveTimeoutMs,
    maxRequestsPerSocket: listen.maxRequestsPerConnection,
    requestTimeout: 0,
    rewriteUrl: toOriginForm,
    genReqId: createRequestIds(),
    clientErrorHandler: (error, socket) => replyToClientError(error, socket),
    frameworkErrors: (error, request, reply) => replyWithError(error, request, reply),
    http: {
      requireHostHeader: false, // the head check refuses in words what Node would refuse in silence
      headersTimeout: listen.headerTimeoutMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: listen.maxHeaderBytes,
    },
  }) as unknown as FastifyInstance
  limit(server.server, listen)
  server.setErrorHandler((error, request, reply) => replyWithError(error, request, reply))
  return server
}

function limit(server: Server, listen: ListenConfig): void {
  if (listen.maxConnections > 0) server.maxConnections = listen.maxConnections
  if (listen.maxRequestsPerConnection > 0) server.prependListener('request', endLastAnswer)
  server.maxHeadersCount = 0 // Node would drop lines unseen; the head check counts them
  server.on('connect', refuseTunnel)
  takeExpectations(server)
}

/** Node tells a client that a connection may have no further request, but leaves the connection to that client. */
function endLastAnswer(_raw: unknown, reply: ServerResponse): void {
  const { maxRequestsOnConnectionReached: isLast } = reply as {
    maxRequestsOnConnectionReached?: boolean
  }
  if (isLast) reply.shouldKeepAlive = false
}

function createTrust(addresses: readonly string[]): (address: string) => boolean {
  if (addresses.length === 0) return () => false
  const trust = proxyAddr.compile([...addresses])
  return (address) => trust(address, 0)
}

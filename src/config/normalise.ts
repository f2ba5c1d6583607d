import { dirname, resolve } from 'node:path'
import { toAddress } from './address.js'
import type { BackendSettings, ProcessSettings } from './backend-schema.js'
import {
  type Amount,
  ANY_GPU,
  type BackendConfig,
  type Bodies,
  type Config,
  type ContainerChoice,
  type DeviceConfig,
  type DialectName,
  type LauncherConfig,
  type ListenConfig,
  type MemoryConfig,
  type ProcessLauncherConfig,
  type RouteConfig,
  type SchedulingConfig,
} from './config.js'
import type { DockerSettings } from './docker-schema.js'
import { memoryByDevice } from './memory-by-device.js'
import type { RouteSettings } from './route-schema.js'
import type { DeviceSettings, ListenSettings, SchedulingSettings, Settings } from './schema.js'
import { toTarget } from './target.js'
import { parseDuration, parseSize } from './units.js'

/** What becomes of request bodies where the file does not say. */
const BODIES: Readonly<Record<DialectName, Bodies>> = {
  koboldcpp: 'buffer',
  openai: 'buffer',
  a1111: 'buffer',
  comfyui: 'buffer',
  generic: 'stream',
}

/** What settings alone do not say: objects put keys like "1" first, and paths are relative to the file. */
export interface Origin {
  readonly file: string
  readonly deviceNames: readonly string[]
  readonly backendNames: readonly string[]
  /** Values from the environment. */
  readonly secrets: readonly string[]
}

/** The Config of faultless settings, not frozen. */
export function normalise(settings: Settings, origin: Origin): Config {
  const file = resolve(origin.file)
  const { backends, devices } = settings
  return {
    file,
    listen: toListen(settings.listen),
    admin: { switchTextModel: settings.admin.switchTextModel },
    scheduling: toScheduling(settings.scheduling),
    devices: inOrder(devices, origin.deviceNames).map(([name, device]) => toDevice(name, device)),
    backends: inOrder(backends, origin.backendNames).map(([name, backend]) =>
      toBackend(name, backend, { folder: dirname(file), secrets: origin.secrets, devices }),
    ),
    routes: settings.routes.map(toRoute),
  }
}

function toListen(listen: ListenSettings): ListenConfig {
  return {
    host: listen.host,
    port: listen.port,
    headerTimeoutMs: milliseconds(listen.headerTimeout),
    maxHeaderBytes: bytes(listen.maxHeaderBytes),
    maxUrlBytes: bytes(listen.maxUrlBytes),
    maxHeaders: listen.maxHeaders,
    bodyTimeoutMs: milliseconds(listen.bodyTimeout),
    maxConnections: listen.maxConnections,
    maxRequestsPerConnection: listen.maxRequestsPerConnection,
    maxEventLoopDelayMs: milliseconds(listen.maxEventLoopDelay),
    heartbeatIntervalMs: milliseconds(listen.heartbeatInterval),
    keepAliveTimeoutMs: milliseconds(listen.keepAliveTimeout),
    drainTimeoutMs: milliseconds(listen.drainTimeout),
    bufferBytes: bytes(listen.bufferBytes),
    trustProxy: listen.trustProxy,
  }
}

function toScheduling({ minResidency, patience, maxWait }: SchedulingSettings): SchedulingConfig {
  return {
    minResidencyMs: milliseconds(minResidency),
    patienceMs: milliseconds(patience),
    maxWaitMs: milliseconds(maxWait),
  }
}

function toDevice(name: string, device: DeviceSettings): DeviceConfig {
  const { memory, keepFree, concurrency, id } = device
  return {
    name,
    memoryBytes: toAmount(memory),
    keepFreeBytes: bytes(keepFree),
    concurrency,
    id,
  }
}

interface Place {
  readonly devices: Settings['devices']
  readonly folder: string
  readonly secrets: readonly string[]
}

function toBackend(name: string, backend: BackendSettings, place: Place): BackendConfig {
  const { connect, headers, bodyIdle } = backend.timeouts
  return {
    name,
    serves: backend.serves,
    models: backend.models,
    dialect: backend.dialect,
    address: toAddress(backend.url, backend.process !== undefined),
    launcher: toLauncher(backend, place),
    memory: toMemory(backend, Object.keys(place.devices)),
    onOverQuota: backend.onOverQuota,
    priority: backend.priority,
    concurrency: backend.concurrency,
    queueLimit: backend.queueLimit,
    idleTimeoutMs: milliseconds(backend.idleTimeout),
    startTimeoutMs: milliseconds(backend.startTimeout),
    stopTimeoutMs: milliseconds(backend.stopTimeout),
    keepLoaded: backend.keepLoaded,
    startsAfter: backend.startsAfter,
    livenessIntervalMs: milliseconds(backend.livenessInterval),
    requestTimeoutMs: milliseconds(backend.requestTimeout),
    bodies: backend.bodies ?? BODIES[backend.dialect],
    heartbeat: backend.heartbeat,
    onClientGone: backend.onClientGone,
    timeouts: {
      connectMs: milliseconds(connect),
      headersMs: milliseconds(headers),
      bodyIdleMs: milliseconds(bodyIdle),
    },
  }
}

function toMemory({ memory, share }: BackendSettings, devices: readonly string[]): MemoryConfig {
  const { [ANY_GPU]: anyGpu, ...rest } = memoryByDevice(memory, devices)
  return {
    amounts: recordOf(Object.entries(rest).map(([device, size]) => [device, toAmount(size)])),
    anyGpu: anyGpu === undefined ? undefined : toAmount(anyGpu),
    shares: recordOf(Object.entries(share)),
  }
}

function toAmount(size: string | number): Amount {
  return size === 'auto' ? size : bytes(size)
}

function toLauncher({ process, docker }: BackendSettings, place: Place): LauncherConfig {
  if (docker !== undefined) return { kind: 'docker', container: toContainer(docker) }
  return process === undefined ? { kind: 'external' } : toProcess(process, place)
}

/** The cross-checks let only one of the two names through. */
function toContainer({ container, service, project }: DockerSettings): ContainerChoice {
  return service === undefined ? { name: container ?? '' } : { service, project }
}

function toProcess(process: ProcessSettings, place: Place): ProcessLauncherConfig {
  const { folder, secrets } = place
  const { command, args, cwd, env } = process
  const isBesideFile = /^\.\.?[/\\]/.test(command)
  return {
    kind: 'process',
    command: isBesideFile ? resolve(folder, command) : command,
    args,
    cwd: resolve(folder, cwd),
    env: recordOf(Object.entries(env)),
    secrets,
  }
}

function toRoute(route: RouteSettings): RouteConfig {
  const headers = Object.entries(route.header ?? {})
  return {
    path: route.path,
    methods: [route.method ?? []].flat().map((method) => method.toUpperCase()),
    headers: recordOf(headers.map(([name, glob]) => [name.toLowerCase(), glob])),
    model: route.model,
    to: toTarget(route.to),
    stripPrefix: route.stripPrefix,
    timeouts: {
      headersMs: perhapsMilliseconds(route.timeouts?.headers),
      bodyIdleMs: perhapsMilliseconds(route.timeouts?.bodyIdle),
    },
    bodies: route.bodies,
  }
}

/** The entries of an object in the order of the file. */
function inOrder<Value>(named: Readonly<Record<string, Value>>, names: readonly string[]) {
  return Object.entries(named).sort(([a], [b]) => names.indexOf(a) - names.indexOf(b))
}

/** Without a prototype: a look-up of `constructor` finds nothing. */
function recordOf<Value>(entries: readonly (readonly [string, Value])[]): Record<string, Value> {
  return Object.assign(Object.create(null), Object.fromEntries(entries))
}

/** The schema let only parseable durations through. */
function milliseconds(duration: string | number): number {
  return parseDuration(duration) ?? 0
}

function perhapsMilliseconds(duration: string | number | undefined): number | undefined {
  return duration === undefined ? undefined : milliseconds(duration)
}

function bytes(size: string | number): number {
  return parseSize(size) ?? 0
}

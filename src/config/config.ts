/** The kinds of work that a request can be; docs/design.md, "Words". */
export const WORKLOADS = ['text', 'image', 'transcribe', 'speech', 'embeddings', 'music'] as const
export type Workload = (typeof WORKLOADS)[number]

/** How a backend speaks and behaves. */
export const DIALECT_NAMES = ['koboldcpp', 'openai', 'a1111', 'comfyui', 'generic'] as const
export type DialectName = (typeof DIALECT_NAMES)[number]

/** `buffer`: read whole before a lease is asked for; `stream`: passed on as it comes. */
export const BODIES = ['buffer', 'stream'] as const
export type Bodies = (typeof BODIES)[number]

/**
 * A routes.json after loading: every default filled in, durations in milliseconds, sizes in bytes,
 * `${env:NAME}` replaced, relative paths resolved, deeply frozen. Nobody asks later "is it set?".
 */
export interface Config {
  /** Absolute path of the file this was loaded from. */
  readonly file: string
  readonly listen: ListenConfig
  readonly admin: AdminConfig
  readonly scheduling: SchedulingConfig
  readonly devices: readonly DeviceConfig[]
  /** In the order of the file; the first that serves a workload is its default. */
  readonly backends: readonly BackendConfig[]
  /** The user's own routes, tried in this order before the built-in table. */
  readonly routes: readonly RouteConfig[]
}

/** The word for any one graphics card in `memory`, and what the names of cards begin with. */
export const ANY_GPU = 'gpu'

/** Whether a device is a graphics card by its name; the number is its place among those that the driver lists. */
export function gpuNumber(device: string): number | undefined {
  const [, number] = /^gpu([0-9]{1,3})$/.exec(device) ?? []
  return number === undefined ? undefined : Number(number)
}

export interface ListenConfig {
  /** `localhost` means both 127.0.0.1 and ::1. */
  readonly host: string
  readonly port: number
  readonly headerTimeoutMs: number
  readonly maxHeaderBytes: number
  /** 0: no limit. */
  readonly maxUrlBytes: number
  /** 0: no limit. */
  readonly maxHeaders: number
  /** How long a client may be silent within a body; 0: no limit. */
  readonly bodyTimeoutMs: number
  /** 0: no limit. */
  readonly maxConnections: number
  /** 0: no limit. */
  readonly maxRequestsPerConnection: number
  /** New requests are answered 503 while the event loop lags by more; 0: never. */
  readonly maxEventLoopDelayMs: number
  /** How often a waiting client is told that its request lives; 0: never. */
  readonly heartbeatIntervalMs: number
  readonly keepAliveTimeoutMs: number
  readonly drainTimeoutMs: number
  readonly bufferBytes: number
  /** Addresses or CIDR blocks whose X-Forwarded-* headers are believed; empty: nobody's. */
  readonly trustProxy: readonly string[]
}

/** What clients may change in a running gateway. */
export interface AdminConfig {
  /** Choose the default text backend, for everybody. */
  readonly switchTextModel: boolean
}

export interface DeviceConfig {
  readonly name: string
  /** `auto`: asked from the driver. */
  readonly memoryBytes: number | 'auto'
  readonly keepFreeBytes: number
  /** Requests that run on it at once; 0: no limit. */
  readonly concurrency: number
  /** The driver's own name for it, or the begin of that; undefined: it is found by the number in its name. */
  readonly id: string | undefined
}

/** Who has the memory when there is not enough for all. */
export interface SchedulingConfig {
  readonly minResidencyMs: number
  readonly patienceMs: number
  /** 0: as long as it takes. */
  readonly maxWaitMs: number
}

/** What a backend needs of the devices' memory while it runs. */
export interface MemoryConfig {
  /** By device. */
  readonly amounts: Readonly<Record<string, Amount>>
  /** On any one graphics card; undefined: on none. */
  readonly anyGpu: Amount | undefined
  /** Parts of whole devices: both what is reserved and a quota. */
  readonly shares: Readonly<Record<string, number>>
}

/** Bytes, or `auto`: learned. */
export type Amount = number | 'auto'

export interface BackendConfig {
  readonly name: string
  readonly serves: readonly Workload[]
  /** Names besides its own by which a request's `model` asks for it; globs where they have a `*`. */
  readonly models: readonly string[]
  readonly dialect: DialectName
  readonly address: BackendAddress
  readonly launcher: LauncherConfig
  readonly memory: MemoryConfig
  /** What becomes of it when it holds more than it may. */
  readonly onOverQuota: 'warn' | 'stop'
  /** The higher goes first. */
  readonly priority: number
  /** Requests sent at once; 0: no limit and no lane. */
  readonly concurrency: number
  /** How many may wait in the lane; one more is refused with 503. */
  readonly queueLimit: number
  /** 0: never stopped for idleness, as is one that is kept loaded. */
  readonly idleTimeoutMs: number
  readonly startTimeoutMs: number
  readonly stopTimeoutMs: number
  readonly keepLoaded: boolean
  /** Which backends are tried before this one when the gateway starts. */
  readonly startsAfter: readonly string[]
  /** How often a backend with nothing to do is asked whether it still answers; 0: never. */
  readonly livenessIntervalMs: number
  /** How long one request may take at the backend; 0: as long as it likes. */
  readonly requestTimeoutMs: number
  readonly bodies: Bodies
  /** Who is told by bytes that a request lives: clients of event streams, those of JSON too, nobody. */
  readonly heartbeat: 'events' | 'json' | 'off'
  /** What becomes of a request whose client left: ended at the backend, or run to its end and dropped. */
  readonly onClientGone: 'cancel' | 'finish'
  readonly timeouts: TimeoutsConfig
}

/** Where a backend listens. `port` 0: a free one is chosen at every start. */
export interface BackendAddress {
  readonly protocol: 'http:' | 'https:'
  /** To be dialled, as in a URL: an IPv6 address stands in brackets. */
  readonly host: string
  readonly port: number
  /** Kept in front of every forwarded path; empty, or begins with a slash and does not end with one. */
  readonly basePath: string
}

/** Upstream limits in milliseconds; 0: none. */
export interface TimeoutsConfig {
  readonly connectMs: number
  readonly headersMs: number
  readonly bodyIdleMs: number
}

export type LauncherConfig = ProcessLauncherConfig | DockerLauncherConfig | ExternalLauncherConfig

export interface ProcessLauncherConfig {
  readonly kind: 'process'
  /** Like `args` and the values of `env`, may contain `${port}`, `${node}` and `${gatehouse}`: filled in at a start. */
  readonly command: string
  readonly args: readonly string[]
  /** Absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Values that came from the environment by `${env:NAME}`: masked wherever its output is shown. */
  readonly secrets: readonly string[]
}

/** A container that exists already, started and stopped over the Engine API. */
export interface DockerLauncherConfig {
  readonly kind: 'docker'
  readonly container: ContainerChoice
}

/** A container by its name, or by its service in a compose project; without a project, in the only one that has it. */
export type ContainerChoice =
  | { readonly name: string; readonly service?: never; readonly project?: never }
  | { readonly service: string; readonly project: string | undefined; readonly name?: never }

/** A backend that somebody else starts; it is only routed to. */
export interface ExternalLauncherConfig {
  readonly kind: 'external'
}

export interface RouteConfig {
  /** `/a/b` matches that path alone, `/a/*` matches `/a` and everything below it. */
  readonly path: string
  /** Upper case; empty: every method. */
  readonly methods: readonly string[]
  /** Header name in lower case → a glob (`*`) that its value must match. */
  readonly headers: Readonly<Record<string, string>>
  /** A glob (`*`) that the request's `model` must match; undefined: not looked at. */
  readonly model: string | undefined
  readonly to: RouteTarget
  /** Cut the path's fixed part off before forwarding (only for `/a/*`). */
  readonly stripPrefix: boolean
  /** Instead of the backend's; undefined: as the backend has it. */
  readonly timeouts: RouteTimeoutsConfig
  /** Instead of the backend's; undefined: as the backend has it. */
  readonly bodies: Bodies | undefined
}

export interface RouteTimeoutsConfig {
  readonly headersMs: number | undefined
  readonly bodyIdleMs: number | undefined
}

export type RouteTarget =
  | { readonly workload: Workload; readonly backend?: never }
  | { readonly backend: string; readonly workload?: never }

import { parseArgs } from 'node:util'

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What the user asked the program to do. */
export type Command =
  | { readonly name: 'run'; readonly options: RunOptions }
  | { readonly name: 'check' | 'routes'; readonly configFile: string }
  | { readonly name: 'logs'; readonly options: LogsOptions }
  | { readonly name: 'status'; readonly options: StatusOptions }
  | { readonly name: 'sample-backend' | 'socket-proxy'; readonly argv: readonly string[] }
  | { readonly name: 'help' | 'version' }

export interface RunOptions {
  readonly configFile: string
  /** Undefined: what routes.json says. */
  readonly host: string | undefined
  readonly port: number | undefined
  readonly logLevel: LogLevel
  /** Undefined: the user's own state folder. */
  readonly stateDir: string | undefined
  /** Whether backends outlive the gateway, for the next one to adopt. */
  readonly keepBackends: boolean
}

export interface LogsOptions {
  readonly backend: string
  readonly configFile: string
  readonly stateDir: string | undefined
  /** Whether to go on with what is printed from now on. */
  readonly follow: boolean
}

export interface StatusOptions {
  readonly configFile: string
  /** Undefined: what routes.json says. */
  readonly host: string | undefined
  readonly port: number | undefined
  /** Once as text, once as JSON for programs, or as text that is kept up to date. */
  readonly as: 'text' | 'json' | 'watch'
}

/** The words of the command line make no sense; the message says which. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const OPTIONS = {
  config: { type: 'string', short: 'c', default: 'routes.json' },
  host: { type: 'string' },
  port: { type: 'string', short: 'p' },
  'log-level': { type: 'string', default: 'info' },
  'state-dir': { type: 'string' },
  'keep-backends': { type: 'boolean', default: false },
  follow: { type: 'boolean', short: 'f', default: false },
  json: { type: 'boolean', default: false },
  watch: { type: 'boolean', short: 'w', default: false },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

/** Reads the words after the program's name. Throws a UsageError. */
export function parseCommand(argv: readonly string[]): Command {
  const [first] = argv
  if (first === 'sample-backend' || first === 'socket-proxy') {
    return { name: first, argv: argv.slice(1) }
  }
  const { values, positionals } = parseWords(argv)
  if (values.help) return { name: 'help' }
  if (values.version) return { name: 'version' }
  const [command = 'run', ...rest] = positionals
  if (command === 'logs') return { name: 'logs', options: logsOptions(rest, values) }
  if (rest.length > 0) throw new UsageError(`one command at a time, not also '${rest.join(' ')}'`)
  if (command === 'status') return { name: 'status', options: statusOptions(values) }
  if (command === 'check' || command === 'routes') {
    return { name: command, configFile: values.config }
  }
  if (command !== 'run') throw new UsageError(`there is no command '${command}'`)
  return { name: 'run', options: runOptions(values) }
}

function parseWords(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new UsageError(message.split('. ', 1)[0] ?? message)
  }
}

function runOptions(values: ReturnType<typeof parseWords>['values']): RunOptions {
  if (values['state-dir'] === '') throw new UsageError('--state-dir needs the path of a folder')
  const logLevel = LOG_LEVELS.find((level) => level === values['log-level'])
  if (!logLevel) throw new UsageError(`--log-level must be one of ${LOG_LEVELS.join(', ')}`)
  return {
    configFile: values.config,
    host: values.host,
    port: values.port === undefined ? undefined : portOf(values.port),
    logLevel,
    stateDir: values['state-dir'],
    keepBackends: values['keep-backends'],
  }
}

function logsOptions(
  names: readonly string[],
  values: ReturnType<typeof parseWords>['values'],
): LogsOptions {
  const [backend, ...more] = names
  if (backend === undefined || more.length > 0)
    throw new UsageError('logs takes the name of one backend')
  return {
    backend,
    configFile: values.config,
    stateDir: values['state-dir'],
    follow: values.follow,
  }
}

function statusOptions(values: ReturnType<typeof parseWords>['values']): StatusOptions {
  if (values.json && values.watch) throw new UsageError('--json or --watch, not both')
  return {
    configFile: values.config,
    host: values.host,
    port: values.port === undefined ? undefined : portOf(values.port),
    as: values.json ? 'json' : values.watch ? 'watch' : 'text',
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new UsageError(`--port must be a number from 0 to 65535, not '${text}'`)
}

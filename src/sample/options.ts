import { parseArgs } from 'node:util'

/** The kinds of model the sample can pretend to have. */
export type ModelKind = 'text' | 'image' | 'transcribe' | 'speech' | 'embeddings'

/** Ways to misbehave, for tests; undefined, false or 0 where the sample behaves. */
export interface Misdeeds {
  readonly crashAfterEvents: number | undefined
  readonly crashAfterRequests: number | undefined
  readonly exitBeforeReady: number | undefined
  readonly neverReady: boolean
  readonly hang: boolean
  readonly hangAll: boolean
  readonly ignoreSigterm: boolean
  readonly fork: boolean
  readonly takeMemoryMib: number
  readonly spamOutputBytes: number
  readonly closeStdout: boolean
  readonly failLoad: string | undefined
}

/** All that the command line says, with its defaults. */
export interface SampleOptions {
  readonly port: number
  readonly host: string
  readonly models: ReadonlySet<ModelKind>
  readonly name: string
  readonly password: string
  readonly loadTimeMs: number
  readonly firstTokenDelayMs: number
  readonly tokenIntervalMs: number
  readonly imageTimeMs: number
  readonly misdeeds: Misdeeds
}

/** Thrown for a command line that cannot be obeyed; the message says why. */
export class UsageError extends Error {}

const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string', default: '127.0.0.1' },
  model: { type: 'string', default: 'text' },
  name: { type: 'string', default: 'sample' },
  password: { type: 'string', default: '' },
  'load-time': { type: 'string', default: '300' },
  'first-token-delay': { type: 'string', default: '20' },
  'token-interval': { type: 'string', default: '40' },
  'image-time': { type: 'string', default: '300' },
  'crash-after-events': { type: 'string' },
  'crash-after-requests': { type: 'string' },
  'exit-before-ready': { type: 'string' },
  'never-ready': { type: 'boolean', default: false },
  hang: { type: 'boolean', default: false },
  'hang-all': { type: 'boolean', default: false },
  'ignore-sigterm': { type: 'boolean', default: false },
  fork: { type: 'boolean', default: false },
  'take-memory': { type: 'string', default: '0' },
  'spam-output': { type: 'string', default: '0' },
  'close-stdout': { type: 'boolean', default: false },
  'fail-load': { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

/** The names of all options, for whoever checks that the usage tells them. */
export const OPTION_NAMES: readonly string[] = Object.keys(OPTIONS)

const KINDS: Readonly<Record<string, ModelKind>> = {
  text: 'text',
  image: 'image',
  transcribe: 'transcribe',
  whisper: 'transcribe',
  speech: 'speech',
  embeddings: 'embeddings',
}

/** Reads the command line, or returns 'help' where it asks for help. Throws UsageError. */
export function parseOptions(argv: readonly string[]): SampleOptions | 'help' {
  const values = parseValues(argv)
  if (values.help) return 'help'
  if (values.port === undefined) throw new UsageError('--port is required')
  return {
    port: numberOf('--port', values.port),
    host: values.host,
    models: kindsOf(values.model),
    name: values.name,
    password: values.password,
    loadTimeMs: numberOf('--load-time', values['load-time']),
    firstTokenDelayMs: numberOf('--first-token-delay', values['first-token-delay']),
    tokenIntervalMs: numberOf('--token-interval', values['token-interval']),
    imageTimeMs: numberOf('--image-time', values['image-time']),
    misdeeds: misdeedsOf(values),
  }
}

type Values = ReturnType<typeof parseValues>

function parseValues(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS }).values
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

function misdeedsOf(values: Values): Misdeeds {
  return {
    crashAfterEvents: optionalNumber('--crash-after-events', values['crash-after-events']),
    crashAfterRequests: optionalNumber('--crash-after-requests', values['crash-after-requests']),
    exitBeforeReady: optionalNumber('--exit-before-ready', values['exit-before-ready']),
    failLoad: values['fail-load'],
    neverReady: values['never-ready'],
    hang: values.hang,
    hangAll: values['hang-all'],
    ignoreSigterm: values['ignore-sigterm'],
    fork: values.fork,
    takeMemoryMib: numberOf('--take-memory', values['take-memory']),
    spamOutputBytes: numberOf('--spam-output', values['spam-output']),
    closeStdout: values['close-stdout'],
  }
}

function optionalNumber(option: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : numberOf(option, text)
}

function numberOf(option: string, text: string): number {
  const number = Number(text)
  if (text === '' || !Number.isInteger(number) || number < 0)
    throw new UsageError(`${option} needs a whole number, not ${JSON.stringify(text)}`)
  return number
}

function kindsOf(list: string): ReadonlySet<ModelKind> {
  const names = list.split(',').map((name) => name.trim())
  return new Set(names.filter((name) => name !== '').map(kindOf))
}

function kindOf(name: string): ModelKind {
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined
  if (kind === undefined) throw new UsageError(`--model does not know ${JSON.stringify(name)}`)
  return kind
}

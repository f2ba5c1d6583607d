import { parseArgs } from 'node:util'

export const MANNERS = ['keep-alive', 'close'] as const
/** What the upstream does with a connection after a reply. */
export type Manner = (typeof MANNERS)[number]

const GENERATORS = ['wrk', 'autocannon'] as const
export type Generator = (typeof GENERATORS)[number]

/** What to measure, and how long; read once from the command line. */
export interface Options {
  readonly what: 'hop' | 'stream' | 'wake' | 'soak' | 'swaps'
  readonly manners: readonly Manner[]
  readonly rounds: number
  /** Seconds that one measurement of `hop` lasts. */
  readonly durationS: number
  readonly connections: readonly number[]
  readonly streams: readonly number[]
  /** Undefined: wrk where it is installed. */
  readonly generator: Generator | undefined
  readonly seed: number
  readonly seeds: number
  readonly asks: number
  readonly isReal: boolean
  readonly jsonFile: string | undefined
}

export const USAGE = `npm run bench -- hop|stream|wake|soak|swaps [options]
  --rounds N            rounds, each with every subject once (3)
  --manner M,M          keep-alive, close (both)
  --duration S          hop: seconds per measurement (4)
  --connections N,N     hop: connections of the load generator (1,32)
  --load wrk|autocannon hop: the load generator (wrk where it is installed)
  --streams N,N         stream: streams at once (1,50)
  --seed N              swaps: of the first trace (1)
  --seeds N             swaps: so many traces, each with the next seed (12)
  --asks N              swaps: in each trace (400)
  --real                swaps: through the built gateway, about a minute
  --json FILE           write what was measured to FILE
`

/** Reads the words of the command line. Throws an Error that names the word that makes no sense. */
export function parseOptions(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      manner: { type: 'string', default: MANNERS.join(',') },
      duration: { type: 'string', default: '4' },
      connections: { type: 'string', default: '1,32' },
      load: { type: 'string' },
      streams: { type: 'string', default: '1,50' },
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '12' },
      asks: { type: 'string', default: '400' },
      real: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  if (positionals.length !== 1) throw new Error('say hop, stream, wake, soak or swaps')
  return {
    what: oneOf(['hop', 'stream', 'wake', 'soak', 'swaps'], positionals[0]),
    manners: values.manner.split(',').map((word) => oneOf(MANNERS, word)),
    rounds: count(values.rounds),
    durationS: count(values.duration),
    connections: values.connections.split(',').map(count),
    streams: values.streams.split(',').map(count),
    generator: values.load === undefined ? undefined : oneOf(GENERATORS, values.load),
    seed: count(values.seed),
    seeds: count(values.seeds),
    asks: count(values.asks),
    isReal: values.real,
    jsonFile: values.json,
  }
}

function oneOf<T extends string>(words: readonly T[], said: string | undefined): T {
  const word = words.find((known) => known === said)
  if (word === undefined) throw new Error(`'${said}' is none of ${words.join(', ')}`)
  return word
}

function count(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw new Error(`'${text}' is not a whole number above 0`)
}

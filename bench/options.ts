import { parseArgs } from 'node:util'
import { isFound, PEERS, type Peer, takesAnyPath } from './peers.js'

export const MANNERS = ['keep-alive', 'close'] as const
/** What the upstream does with a connection after a reply. */
export type Manner = (typeof MANNERS)[number]

const WHATS = ['hop', 'stream', 'upload', 'wake', 'memory', 'soak', 'swaps'] as const
export type What = (typeof WHATS)[number]

const GENERATORS = ['wrk', 'autocannon'] as const
export type Generator = (typeof GENERATORS)[number]

/** What to measure, and how long; read once from the command line. */
export interface Options {
  readonly what: What
  readonly peers: readonly Peer[]
  readonly logLevel: string
  readonly manners: readonly Manner[]
  readonly rounds: number
  /** Seconds that one measurement of `hop` lasts. */
  readonly durationS: number
  readonly connections: readonly number[]
  readonly streams: readonly number[]
  readonly events: number
  readonly paceMs: number
  readonly requests: number
  readonly mib: number
  /** Undefined: wrk where it is installed. */
  readonly generator: Generator | undefined
  readonly seed: number
  readonly seeds: number
  readonly asks: number
  readonly isReal: boolean
  readonly jsonFile: string | undefined
}

export const USAGE = `npm run bench -- hop|stream|upload|wake|memory|swaps|soak [options]
  --rounds N            rounds, each with every subject once (3)
  --peers P,P           stock, splice, nginx, haproxy, caddy, llama-swap (those that are found)
  --manner M,M          keep-alive, close (keep-alive)
  --log LEVEL           of the gateway, written to a file (silent)
  --duration S          hop: seconds per measurement (4)
  --connections N,N     hop: connections of the load generator (1,32,256)
  --load wrk|autocannon hop: the load generator (wrk where it is installed)
  --streams N,N         stream: streams at once (1,50,500)
  --events N            stream: events of each (60)
  --pace MS             stream: between two events; 0: one behind the other (50)
  --requests N          memory: small requests (1000000)
  --mib N               upload: size of the long body (512)
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
      peers: { type: 'string' },
      manner: { type: 'string', default: 'keep-alive' },
      log: { type: 'string', default: 'silent' },
      duration: { type: 'string', default: '4' },
      connections: { type: 'string', default: '1,32,256' },
      load: { type: 'string' },
      streams: { type: 'string', default: '1,50,500' },
      events: { type: 'string', default: '60' },
      pace: { type: 'string', default: '50' },
      requests: { type: 'string', default: '1000000' },
      mib: { type: 'string', default: '512' },
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '12' },
      asks: { type: 'string', default: '400' },
      real: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  if (positionals.length !== 1) throw new Error(`say one of ${WHATS.join(', ')}`)
  const what = oneOf(WHATS, positionals[0])
  return {
    what,
    peers: values.peers === undefined ? peersFor(what) : peersNamed(values.peers, what),
    logLevel: values.log,
    manners: values.manner.split(',').map((word) => oneOf(MANNERS, word)),
    rounds: count(values.rounds),
    durationS: count(values.duration),
    connections: values.connections.split(',').map(count),
    streams: values.streams.split(',').map(count),
    events: count(values.events),
    paceMs: values.pace === '0' ? 0 : count(values.pace),
    requests: count(values.requests),
    mib: count(values.mib),
    generator: values.load === undefined ? undefined : oneOf(GENERATORS, values.load),
    seed: count(values.seed),
    seeds: count(values.seeds),
    asks: count(values.asks),
    isReal: values.real,
    jsonFile: values.json,
  }
}

/** Those that are found and can do this. */
function peersFor(what: What): Peer[] {
  return PEERS.filter((peer) => isFound(peer) && (what !== 'upload' || takesAnyPath(peer)))
}

function peersNamed(words: string, what: What): Peer[] {
  const peers = words.split(',').map((word) => oneOf(PEERS, word))
  for (const peer of peers) {
    if (!isFound(peer)) throw new Error(`'${peer}' is not installed here`)
    if (!peersFor(what).includes(peer)) throw new Error(`'${peer}' cannot do '${what}'`)
  }
  return peers
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

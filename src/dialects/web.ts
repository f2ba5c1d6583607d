import type { DialectName } from '../config/config.js'
import { type Dialect, notYet, type ProbeReply, READY, type Readiness } from './dialect.js'

const TERM_THEN_KILL = ['SIGTERM', 'SIGKILL'] as const
const NO_EMPTY_ANSWERS: Dialect['emptyAnswers'] = new Map()
const NO_REWRITES: ReadonlyMap<string, string> = new Map()

/** The dialects that are ordinary HTTP/1.1 servers: they differ only in where one asks whether they are up. */
function web(name: DialectName, probePath: string, judge: Dialect['judge']): Dialect {
  return {
    name,
    probePath,
    judge,
    keepsConnections: true,
    stopSignals: TERM_THEN_KILL,
    unknownPostsWait: false,
    cancels: 'connection',
    locksWhileWriting: false,
    webSockets: 'work',
    emptyAnswers: NO_EMPTY_ANSWERS,
    rewrites: NO_REWRITES,
  }
}

/** llama.cpp says 503 at /health while it loads; a server without /health says 404 and is up. */
export const openai = web('openai', '/health', (reply) =>
  reply.status < 500 ? READY : stillLoading(reply),
)

export const a1111 = web('a1111', '/sdapi/v1/options', (reply) =>
  reply.status === 200 ? READY : stillLoading(reply),
)

/** Every page of it holds a WebSocket open all day, for news of its queue. */
export const comfyui: Dialect = {
  ...web('comfyui', '/system_stats', (reply) =>
    reply.status === 200 ? READY : stillLoading(reply),
  ),
  webSockets: 'news',
}

/** Any HTTP answer at all shows that a program of unknown kind is up. */
export const generic = web('generic', '/', () => READY)

function stillLoading(reply: ProbeReply): Readiness {
  return notYet(`it answers its readiness probe with status ${reply.status}`)
}

import type { Workload } from '../config/config.js'
import { type Dialect, notYet, type ProbeReply, READY, type Readiness, wrong } from './dialect.js'
import { EMPTY_ANSWERS } from './empty-answers.js'

/** The flag of /api/extra/version that says the model for a workload is loaded (kobold-wire 2.1). */
const FLAGS: Record<Workload, string> = {
  text: 'llm',
  image: 'txt2img',
  transcribe: 'transcribe',
  speech: 'tts',
  embeddings: 'embeddings',
  music: 'music',
}

/**
 * KoboldCpp answers HTTP/1.0 and closes each connection; one kept or opened ahead holds one of its few threads
 * for ever, so none is. It stops cleanly on SIGINT; SIGTERM to the first of its processes can leave the others.
 */
export const koboldcpp: Dialect = {
  name: 'koboldcpp',
  probePath: '/api/extra/version',
  judge,
  keepsConnections: false,
  stopSignals: ['SIGINT', 'SIGTERM', 'SIGKILL'],
  unknownPostsWait: true,
  cancels: 'genkey',
  locksWhileWriting: true,
  webSockets: 'none',
  emptyAnswers: EMPTY_ANSWERS,
  rewrites: new Map([['/embeddings', '/v1/embeddings']]),
}

function judge(reply: ProbeReply, serves: readonly Workload[]): Readiness {
  const version = reply.status === 200 ? parseObject(reply.body) : undefined
  if (version?.result !== 'KoboldCpp') return notYet('what answers there is not KoboldCpp')
  // Older versions lack newer flags, so only a plain "false" counts as a missing model.
  const missing = serves.filter((workload) => version[FLAGS[workload]] === false)
  // Without whisper, a text model with an audio projector transcribes, though its flag stays false.
  const needed = missing.filter((workload) => workload !== 'transcribe' || version.audio !== true)
  if (needed.length === 0) return READY
  return wrong(`it runs, but has no model loaded for ${needed.join(', ')}`)
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined // not JSON is an answer too: some other program has this port
  }
}

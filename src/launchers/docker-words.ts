import { statusOf } from './docker-engine.js'
import { StartFailure } from './launcher.js'

/** What an engine says when it cannot start a container, and what to tell the user. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [
    /could not select device driver|nvidia-container|unresolvable CDI/i,
    'the engine has no driver for the GPU that its container asks for',
  ],
  [/port is already allocated|address already in use/i, 'a port that it publishes is in use'],
  [/executable file not found|no such file or directory/i, 'its program was not found'],
  [/error gathering device information/i, 'a device that it is given does not exist'],
  [/cannot start a paused container/i, 'it is paused'],
]
/** What keeps a program from reaching an engine at all. */
const UNREACHABLE = 'the Docker engine cannot be reached'
const NO_LEAVE = 'the Docker engine may not be used (no permission)'

/** Why the engine could not do it, as a StartFailure: in words for the client, the engine's own in its cause. */
export function toStartFailure(error: unknown): StartFailure {
  if (error instanceof StartFailure) return error
  return new StartFailure(whyNot(error), { cause: error })
}

function whyNot(error: unknown): string {
  const status = statusOf(error)
  if (status === 403) return 'the socket proxy does not let the gateway use its container'
  if (status !== undefined) {
    const text = error instanceof Error ? error.message : ''
    const meaning = KNOWN.find(([pattern]) => pattern.test(text))?.[1] ?? 'its log tells why'
    return `its container could not be started: ${meaning}`
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EACCES' ? NO_LEAVE : UNREACHABLE
}

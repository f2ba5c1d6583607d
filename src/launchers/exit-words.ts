import type { Exit } from './launcher.js'
import { cutPaths } from './mask.js'
import { isOutOfMemory } from './out-of-memory.js'

/** What engines print when they give up, and what to tell the user (kobold-observed 7, kobold-wire 5.2). */
const NO_FILE = /cannot find (text |image |whisper )?model file|no such file|model file not found/i
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/address already in use|EADDRINUSE|already appears to be in use/i, 'its port is already in use'],
  [
    /could not load (text |image |whisper )?model|failed to load model|corrupted or incomplete/i,
    'the model could not be loaded',
  ],
  [
    /unrecognized arguments|unknown (option|argument|flag)|invalid argument/i,
    'it does not know one of its arguments',
  ],
]
const SHOWN_LINES = 3

/** How a backend ended, in words a user understands. */
export function describeExit(exit: Exit): string {
  if (exit.outOfMemory) return 'it was ended because its container ran out of memory'
  if (exit.signal === 'SIGKILL' && exit.outOfMemory === false) return 'it was killed (SIGKILL)'
  if (exit.signal === 'SIGKILL') return 'it was killed by the system, probably out of memory'
  if (exit.signal === 'SIGSEGV' || exit.signal === 'SIGABRT') return `it crashed (${exit.signal})`
  if (exit.signal) return `it was ended by ${exit.signal}`
  return exit.code === null ? 'it ended' : `it exited with code ${exit.code}`
}

/** The reason for an exit before ready: how it ended, what its output means, and its last lines. */
export function describeFailedStart(exit: Exit, output: readonly string[]): string {
  const meaning = meaningOf(exit, output)
  const last = output.slice(-SHOWN_LINES).map((line) => cutPaths(line.trim()).slice(0, 200))
  const parts = [`${describeExit(exit)} before it was ready`]
  if (meaning) parts.push(`: ${meaning}`)
  if (last.length > 0) parts.push(`; its last output was: ${last.join(' | ')}`)
  return parts.join('')
}

/** A model that did not fit is also one that could not be loaded. */
function meaningOf(exit: Exit, output: readonly string[]): string | undefined {
  const text = output.join('\n')
  if (NO_FILE.test(text)) return 'model file not found'
  const isSaid = exit.outOfMemory || exit.signal === 'SIGKILL'
  if (!isSaid && isOutOfMemory(exit, output)) return 'out of memory'
  return KNOWN.find(([pattern]) => pattern.test(text))?.[1]
}

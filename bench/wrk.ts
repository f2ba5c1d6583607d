import { fileURLToPath } from 'node:url'
import type { Load, LoadResult } from './load.js'
import type { Programs } from './programs.js'

const SCRIPT = fileURLToPath(new URL('post.lua', import.meta.url))

/** Load from wrk, with one thread. Times out no request of the measurement. */
export function createWrk(programs: Programs): Load {
  return async ({ url, connections, durationS }) => {
    const output = await programs.run('wrk', [
      ...['--threads', '1', '--connections', String(connections)],
      ...['--duration', `${durationS}s`, '--timeout', `${durationS + 1}s`],
      ...['--script', SCRIPT, url],
    ])
    return readResult(output)
  }
}

/** post.lua writes the result as the last line. */
function readResult(output: string): LoadResult {
  const line = output.trimEnd().split('\n').at(-1) ?? ''
  return JSON.parse(line) as LoadResult
}

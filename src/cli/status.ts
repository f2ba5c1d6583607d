import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Status } from '../admin/status.js'
import { loadConfig } from '../config/load.js'
import type { StatusOptions } from './arguments.js'
import { statusText } from './status-text.js'

const EVERY_MS = 1_000
const ANSWER_MS = 5_000
/** Home, and all that is below it away. */
const CLEAR_SCREEN = '\x1b[H\x1b[J'
const ANYWHERE = new Set(['localhost', '0.0.0.0', '::'])

export interface StatusSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly print: (text: string) => void
}

/** Prints how the running gateway is: once, or for ever. Throws where none answers. */
export async function showStatus(
  options: StatusOptions,
  around: StatusSurroundings,
): Promise<void> {
  const url = urlOf(options, around.env)
  for (;;) {
    const status = await read(url)
    if (options.as === 'json') around.print(`${JSON.stringify(status, undefined, 2)}\n`)
    else around.print((options.as === 'watch' ? CLEAR_SCREEN : '') + statusText(status))
    if (options.as !== 'watch') return
    await sleep(EVERY_MS)
  }
}

async function read(url: string): Promise<Status> {
  const signal = AbortSignal.timeout(ANSWER_MS)
  const reply = await fetch(`${url}/gatehouse/api/status`, { signal }).catch((cause) => {
    throw new Error(`no gateway answers at ${url}; is it running?`, { cause })
  })
  const isStatus = reply.headers.get('content-type')?.includes('json') && reply.ok
  if (!isStatus) throw new Error(`what answers at ${url} is no Gatehouse`)
  return (await reply.json()) as Status
}

function urlOf(options: StatusOptions, env: StatusSurroundings['env']): string {
  const { listen } = loadConfig(resolve(options.configFile), env)
  const host = options.host ?? listen.host
  const name = ANYWHERE.has(host) ? '127.0.0.1' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${options.port ?? listen.port}`
}

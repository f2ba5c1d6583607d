import { open, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadConfig } from '../config/load.js'
import { createMask } from '../launchers/mask.js'
import { OutputLog } from '../launchers/output-log.js'
import { type LogsOptions, UsageError } from './arguments.js'
import { defaultStateDir } from './state-dir.js'

const SHOWN_LINES = 200
const LOOK_EVERY_MS = 250
const NEWLINE = 10

export interface LogsSurroundings {
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  readonly print: (text: string) => void
}

/** Prints what a backend printed last, secrets masked, and with `follow` goes on for ever. Throws a UsageError. */
export async function showLogs(options: LogsOptions, around: LogsSurroundings): Promise<void> {
  const config = loadConfig(resolve(options.configFile), around.env)
  const backend = config.backends.find(({ name }) => name === options.backend)
  if (!backend) throw new UsageError(`routes.json has no backend '${options.backend}'`)
  const stateDir = options.stateDir ?? defaultStateDir(around.platform, around.env, config.file)
  const file = join(resolve(stateDir), 'logs', `${backend.name}.log`)
  const mask = createMask(backend.launcher.kind === 'process' ? backend.launcher : NO_WORDS)
  const print = (line: string) => around.print(`${mask(line)}\n`)
  const from = await sizeOf(file)
  for (const line of await new OutputLog(file).lastLines(SHOWN_LINES)) print(line)
  if (options.follow) await follow(file, from, print)
}

const NO_WORDS = { args: [], env: {} }

/** Whole lines only: half a line may hold half a secret. A file that became shorter was rotated: it begins anew. */
async function follow(file: string, from: number, print: (line: string) => void): Promise<never> {
  for (let at = from; ; await sleep(LOOK_EVERY_MS)) {
    const size = await sizeOf(file)
    if (size < at) at = 0
    if (size === at) continue
    const printed = await readPart(file, at, size)
    const end = printed.lastIndexOf(NEWLINE) + 1
    const lines = printed.toString('utf8', 0, end).split(/\r?\n/)
    for (const line of lines.slice(0, -1)) print(line)
    at += end
  }
}

async function readPart(file: string, from: number, to: number): Promise<Buffer> {
  const handle = await open(file, 'r')
  try {
    const part = Buffer.alloc(to - from)
    const { bytesRead } = await handle.read(part, 0, part.length, from)
    return part.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

function sizeOf(file: string): Promise<number> {
  return stat(file)
    .then(({ size }) => size)
    .catch(() => 0)
}

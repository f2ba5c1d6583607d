import { readlinkSync } from 'node:fs'
import { release } from 'node:os'
import process from 'node:process'
import {
  CARD_FIELDS,
  PROCESS_FIELDS,
  type ProcessAnswer,
  readCards,
  readingsOf,
  readProcesses,
} from './nvidia-csv.js'
import { NvidiaSmi, type Outcome, TOOL } from './nvidia-smi.js'
import { type DeviceReading, type DeviceSource, SourceFailure } from './reading.js'

export interface NvidiaOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly platform?: NodeJS.Platform
  /** Gets what is wrong with one card while others tell, each text once. */
  readonly onWarning?: (text: string) => void
}

const QUERIES = [`--query-gpu=${CARD_FIELDS}`, `--query-compute-apps=${PROCESS_FIELDS}`]
/** The namespace of process ids that a Linux starts with; a container has one of its own. */
const FIRST_NAMESPACE = 'pid:[4026531836]'
const LONGEST_REASON = 200
const MISMATCH = /Driver\/library version mismatch/i

/** The NVIDIA cards of this machine, by nvidia-smi. */
export function nvidiaSource(options: NvidiaOptions = {}): DeviceSource {
  const { env = process.env, platform = process.platform, onWarning = () => {} } = options
  const tool = new NvidiaSmi({ env, platform })
  const said = new Set<string>()
  const sayOnce = (text: string) => {
    if (!said.has(text)) onWarning(`${TOOL} says: ${text}`)
    said.add(text)
  }
  return {
    name: TOOL,
    read: async (signal) => await readNvidia(tool, signal, { platform, sayOnce }),
  }
}

interface Surroundings {
  readonly platform: NodeJS.Platform
  readonly sayOnce: (text: string) => void
}

async function readNvidia(
  tool: NvidiaSmi,
  signal: AbortSignal,
  { platform, sayOnce }: Surroundings,
): Promise<readonly DeviceReading[]> {
  const [cards, processes] = await tool.ask(QUERIES, signal)
  const answer = readCards(cards?.stdout ?? '')
  if (!answer.isAnswer) throw new SourceFailure(reasonOf(answer.complaints, cards))
  for (const complaint of answer.complaints) sayOnce(complaint)
  return readingsOf(answer.cards, whatIsTold(platform, processes))
}

function whatIsTold(platform: NodeJS.Platform, outcome: Outcome | undefined): ProcessAnswer {
  const lines = readProcesses(outcome?.stdout ?? '')
  if (!outcome || outcome.failure !== undefined) return { lines, tellsAll: false }
  // In a container the driver tells the ids that the host knows its processes by (NVIDIA/nvidia-docker#1483).
  if (platform === 'linux' && isInContainer())
    return { lines: lines.filter(({ pid }) => pid !== undefined && isHere(pid)), tellsAll: false }
  // On Windows and below it (WSL) the system shares out the cards, and the driver knows nothing of programs.
  return { lines, tellsAll: platform !== 'win32' && !/microsoft/i.test(release()) }
}

function isInContainer(): boolean {
  try {
    return readlinkSync('/proc/self/ns/pid') !== FIRST_NAMESPACE
  } catch {
    return false // no Linux, or one without namespaces
  }
}

function isHere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function reasonOf(complaints: readonly string[], outcome: Outcome | undefined): string {
  const text = complaints[0] ?? outcome?.failure ?? 'it printed nothing'
  return MISMATCH.test(text)
    ? 'the NVIDIA driver was updated while the one before is still loaded: restart this machine'
    : text.slice(0, LONGEST_REASON).replace(/\.$/, '')
}

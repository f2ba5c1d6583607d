import { type ChildProcess, type ExecFileException, execFile } from 'node:child_process'
import { SourceFailure } from './reading.js'

/** What one run came to; it tells many errors on its standard output. */
export interface Outcome {
  readonly stdout: string
  /** Why it ended other than well. */
  readonly failure: string | undefined
}

export interface ToolOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly platform: NodeJS.Platform
}

export const TOOL = 'nvidia-smi'
/** On no PATH of a service. */
const WSL_TOOL = '/usr/lib/wsl/lib/nvidia-smi'

/** The program nvidia-smi, wherever it is. Those of one asking end before the next is begun. */
export class NvidiaSmi {
  readonly #env: ToolOptions['env']
  readonly #paths: readonly string[]
  #children: readonly ChildProcess[] = []

  constructor({ env, platform }: ToolOptions) {
    this.#env = env
    this.#paths = pathsOf(platform, env)
  }

  /**
   * Runs it once for each query, all at once so that they tell of the same moment. Rejects with a SourceFailure where
   * it is not here, or one that was killed lives on; and with the signal's reason when that aborts: they are killed.
   */
  async ask(queries: readonly string[], signal: AbortSignal): Promise<Outcome[]> {
    if (this.#children.some(isAlive)) throw new SourceFailure('it hangs, and cannot be ended')
    for (const path of this.#paths) {
      this.#children = []
      const runs = await Promise.all(queries.map((query) => this.#run(path, query, signal)))
      const outcomes = runs.filter((outcome) => outcome !== undefined)
      if (outcomes.length === runs.length) return outcomes
    }
    throw new SourceFailure(`${TOOL} was not found`, { toolIsMissing: true })
  }

  /** Resolves with undefined where there is no such program. */
  #run(path: string, query: string, signal: AbortSignal): Promise<Outcome | undefined> {
    const args = [query, '--format=csv,noheader,nounits']
    const limits = { signal, killSignal: 'SIGKILL', windowsHide: true } as const
    return new Promise((resolve, reject) => {
      const child = execFile(path, args, { ...limits, env: this.#env }, (error, stdout, stderr) => {
        if (signal.aborted) reject(signal.reason)
        else resolve(outcomeOf(error, { stdout, stderr }))
      })
      this.#children = [...this.#children, child]
    })
  }
}

function outcomeOf(
  error: ExecFileException | null,
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
): Outcome | undefined {
  if (error?.code === 'ENOENT') return undefined
  return { stdout, failure: error ? stderr.trim() || error.message : undefined }
}

function isAlive({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null
}

/** Drivers for Windows have put it beside the system's programs since 2019, and in a folder of its own before. */
function pathsOf(platform: NodeJS.Platform, env: ToolOptions['env']): string[] {
  if (platform !== 'win32') return platform === 'linux' ? [TOOL, WSL_TOOL] : [TOOL]
  return [
    `${TOOL}.exe`,
    `${env.SystemRoot ?? 'C:\\Windows'}\\System32\\${TOOL}.exe`,
    `${env.ProgramFiles ?? 'C:\\Program Files'}\\NVIDIA Corporation\\NVSMI\\${TOOL}.exe`,
  ]
}

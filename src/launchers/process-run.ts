import { groupMembers } from './group-members.js'
import type { Exit, Progress, Run, StopRecipe } from './launcher.js'
import type { OutputLog } from './output-log.js'
import { portHolder } from './port-holder.js'
import type { Ports } from './ports.js'
import type { ProcessGroup } from './process-group.js'
import { stopSteps } from './stop-steps.js'

const LAST_LINES = 200

export interface ProcessRunParts {
  readonly group: ProcessGroup
  readonly exited: Promise<Exit>
  readonly protocol: string
  readonly host: string
  readonly port: number
  readonly platform: NodeJS.Platform
  readonly ports: Ports
  readonly output: OutputLog
  readonly mask: (text: string) => string
  /** Called when nothing of it lives any more. */
  readonly onGone: () => void
}

/** A process group that a backend runs in, whether this gateway started it or adopted it. */
export class ProcessRun implements Run {
  readonly origin: string
  readonly pid: number
  readonly exited: Promise<Exit>
  readonly #parts: ProcessRunParts
  #gone = false

  constructor(parts: ProcessRunParts) {
    const { protocol, host, port, group, exited } = parts
    this.origin = `${protocol}//${host}:${port}`
    this.pid = group.pid
    this.exited = exited
    this.#parts = parts
  }

  async stop(recipe: StopRecipe): Promise<void> {
    const { group, platform } = this.#parts
    if (!(await group.end(stopSteps(platform, recipe)))) {
      throw new Error(`process group ${group.pid} outlived its stop`)
    }
    await this.exited
    await this.#checkPort()
    this.#leave()
  }

  kill(): void {
    if (!this.#gone) this.#parts.group.kill()
  }

  release(): void {
    this.#gone = true
    this.#parts.output.close()
  }

  async progress(): Promise<Progress> {
    const members = (await groupMembers(this.pid)) ?? []
    const memoryBytes = members.reduce((sum, { residentBytes }) => sum + residentBytes, 0)
    return { memoryBytes, outputBytes: await this.#parts.output.printedBytes() }
  }

  async lastOutput(): Promise<string[]> {
    const lines = await this.#parts.output.lastLines(LAST_LINES)
    return lines.map(this.#parts.mask)
  }

  /** A process that left the group may hold the port still. */
  async #checkPort(): Promise<void> {
    const { ports, host, port, platform } = this.#parts
    try {
      await ports.check(host, port)
    } catch (cause) {
      const holder = (await portHolder(port, platform)) ?? 'a program unknown'
      this.#leave()
      throw new Error(`port ${port} is still held after the stop, by ${holder}`, { cause })
    }
  }

  #leave(): void {
    if (this.#gone) return
    this.#gone = true
    this.#parts.output.close()
    this.#parts.onGone()
  }
}

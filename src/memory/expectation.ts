import type { BackendConfig } from '../config/config.js'
import type { Amounts } from './amounts.js'
import { ANY_CARD, estimate } from './estimate.js'
import type { Memory } from './memory.js'
import { modelBytes } from './model-files.js'
import { placementsOf } from './needs.js'
import { MemoryShortage } from './shortage.js'

export interface ExpectationParts {
  readonly memory: Memory
  readonly config: BackendConfig
  /** Equal for equal commands; undefined: it is not started by us. */
  readonly commandHash: string | undefined
}

/** What one backend is expected to need, by routes.json and by what was seen of its command. */
export class Expectation {
  readonly #parts: ExpectationParts

  constructor(parts: ExpectationParts) {
    this.#parts = parts
  }

  /** How long its start takes; undefined: none was ever seen. */
  get startMs(): number | undefined {
    const { memory, commandHash } = this.#parts
    if (commandHash === undefined) return 0
    return memory.learned.of(commandHash).startMs || undefined
  }

  started(durationMs: number): void {
    const { memory, commandHash } = this.#parts
    if (commandHash !== undefined) memory.learned.started(commandHash, durationMs)
  }

  /** The card that was chosen for it, if one was. */
  cardOf(granted: Amounts): string | undefined {
    const { amounts: fixed, anyGpu } = this.#parts.config.memory
    if (anyGpu === undefined) return undefined
    const cards = this.#parts.memory.devices().filter(({ isGpu }) => isGpu)
    return cards.find(({ name }) => (granted[name] ?? 0) > (Number(fixed[name]) || 0))?.name
  }

  /** The most that was ever seen of it on a device; 0: nothing was. */
  peakOn(device: string, granted: Amounts): number {
    const { memory, commandHash = '' } = this.#parts
    return memory.learned.of(commandHash).peaks[this.#lessonOf(device, granted)] ?? 0
  }

  /** It was seen to hold this. */
  saw(seen: Amounts, granted: Amounts): void {
    const { memory, commandHash } = this.#parts
    if (commandHash === undefined) return
    for (const [device, bytes] of Object.entries(seen)) {
      memory.learned.held(commandHash, this.#lessonOf(device, granted), bytes)
    }
  }

  /** What is enough for it, of these devices, as far as that is to be learned. */
  enough(devices: readonly string[], granted: Amounts): Amounts {
    const { memory, config, commandHash = '' } = this.#parts
    const { amounts, anyGpu } = config.memory
    const card = this.cardOf(granted)
    const isLearned = (device: string) =>
      device === card ? anyGpu === 'auto' : amounts[device] === 'auto'
    const lesson = memory.learned.of(commandHash)
    const facts = { weightBytes: 0, most: undefined }
    return Object.fromEntries(
      devices
        .filter(isLearned)
        .map((device) => [device, estimate(lesson, this.#lessonOf(device, granted), facts)]),
    )
  }

  /**
   * What would do for its next start, the best first, by what other programs hold whenever it is asked. Rejects with a
   * MemoryShortage: nothing ever would.
   */
  async placements(): Promise<() => Amounts[]> {
    const weightBytes = await this.#weightBytes()
    const { memory } = this.#parts
    const now = () => memory.possible(this.#placementsNow(weightBytes))
    if (now().length === 0)
      throw new MemoryShortage(this.#placementsNow(weightBytes)[0] ?? {}, memory.most())
    return now
  }

  #placementsNow(weightBytes: number): Amounts[] {
    const { memory, config, commandHash = '' } = this.#parts
    const lesson = memory.learned.of(commandHash)
    return placementsOf(config.memory, memory.devices(), (device) => {
      const isAnyCard = !Object.hasOwn(config.memory.amounts, device)
      const most = memory.mostFor(config.name, device)
      return estimate(lesson, isAnyCard ? ANY_CARD : device, { weightBytes, most })
    })
  }

  async #weightBytes(): Promise<number> {
    const { launcher, memory } = this.#parts.config
    const isLearned = memory.anyGpu === 'auto' || Object.values(memory.amounts).includes('auto')
    return isLearned && launcher.kind === 'process' ? modelBytes(launcher.args, launcher.cwd) : 0
  }

  #lessonOf(device: string, granted: Amounts): string {
    return device === this.cardOf(granted) ? ANY_CARD : device
  }
}

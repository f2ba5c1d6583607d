import type { BackendConfig } from '../config/config.js'
import type { Amounts } from './amounts.js'
import type { MemoryRecorder } from './recorder.js'

/** Drivers round, and contexts differ a little from run to run. */
const TOLERANCE = 1.02
/** A number further off is worth a word. */
const FAR_OFF = 1.2

/** What one backend holds beside what routes.json says that it does. */
export class Quota {
  readonly #config: BackendConfig
  readonly #recorder: MemoryRecorder
  /** The devices on which it is over its quota in this run. */
  readonly #over = new Set<string>()
  readonly #corrected = new Set<string>()
  #most: Record<string, number> = {}

  constructor(config: BackendConfig, recorder: MemoryRecorder) {
    this.#config = config
    this.#recorder = recorder
  }

  /** Whether it holds more than it may: of a share, or of a number in `memory`. Tells of it, once in each run. */
  isExceeded(seen: Amounts, granted: Amounts): boolean {
    const over = Object.keys(granted).filter((device) => {
      const heldBytes = seen[device] ?? 0
      this.#most[device] = Math.max(this.#most[device] ?? 0, heldBytes)
      return this.#isDeclared(device) && heldBytes > TOLERANCE * (granted[device] ?? 0)
    })
    for (const device of over) this.#exceeded(device, seen[device] ?? 0, granted[device] ?? 0)
    return over.length > 0
  }

  /** Its run is over: what it held at most is compared with what was declared. */
  ended(seen: Amounts, granted: Amounts): void {
    this.isExceeded(seen, granted)
    for (const [device, declaredBytes] of Object.entries(granted)) {
      const heldBytes = this.#most[device] ?? 0
      if (heldBytes > 0 && heldBytes * FAR_OFF < declaredBytes) {
        this.#correct(device, heldBytes, declaredBytes)
      }
    }
    this.#over.clear()
    this.#most = {}
  }

  #exceeded(device: string, heldBytes: number, quotaBytes: number): void {
    if (heldBytes > FAR_OFF * quotaBytes) this.#correct(device, heldBytes, quotaBytes)
    if (this.#over.has(device)) return
    this.#over.add(device)
    const backend = this.#config.name
    this.#recorder.overQuota({ backend, device, heldBytes, quotaBytes })
  }

  /** A share is a limit, and no guess at what it holds. */
  #correct(device: string, heldBytes: number, declaredBytes: number): void {
    const { name: backend, memory } = this.#config
    const isShare = Object.hasOwn(memory.shares, device)
    if (isShare || !this.#isDeclared(device) || this.#corrected.has(device)) return
    this.#corrected.add(device)
    this.#recorder.misdeclared({ backend, device, heldBytes, declaredBytes })
  }

  /** Of what is learned no more is promised than what was seen. */
  #isDeclared(device: string): boolean {
    const { amounts, anyGpu } = this.#config.memory
    return Object.hasOwn(amounts, device) ? amounts[device] !== 'auto' : anyGpu !== 'auto'
  }
}

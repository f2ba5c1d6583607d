import type { Workload } from '../config/config.js'

/**
 * Which backend takes the calls for a workload that name no model, where somebody chose one while the gateway runs:
 * kept in memory for all clients together, across changes of routes.json, until the gateway ends.
 */
export class Defaults {
  readonly #chosen = new Map<Workload, string>()

  /** Undefined: nobody chose, so the first in the file is the default. */
  chosen(workload: Workload): string | undefined {
    return this.#chosen.get(workload)
  }

  /** The first in the file is the default again. */
  forget(workload: Workload): void {
    this.#chosen.delete(workload)
  }

  /** From now on; a name that serves this workload no more counts as no choice. */
  choose(workload: Workload, backend: string): void {
    this.#chosen.set(workload, backend)
  }
}

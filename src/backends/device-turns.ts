import type { DeviceConfig } from '../config/config.js'
import { Lane, type Turn } from '../lanes/lane.js'
import type { LeaseAsk } from './lease.js'

/** Requests of several backends take turns on a device that runs only so many at once. */
export class DeviceTurns {
  #lanes: ReadonlyMap<string, Lane>

  constructor(devices: readonly DeviceConfig[]) {
    this.#lanes = lanesOf(devices)
  }

  /** Whether there is any device on which requests take turns. */
  get areTaken(): boolean {
    return this.#lanes.size > 0
  }

  /** Turns that are held in a line that changed are ended there. */
  configure(devices: readonly DeviceConfig[]): void {
    const fresh = lanesOf(devices)
    const isSame = (name: string, lane: Lane) =>
      this.#lanes.get(name)?.concurrency === lane.concurrency
    this.#lanes = new Map(
      [...fresh].map(([name, lane]) => [
        name,
        isSame(name, lane) ? (this.#lanes.get(name) ?? lane) : lane,
      ]),
    )
  }

  /** Resolves with a turn on all of these devices. Rejects with the signal's reason; then none is held. */
  async enter(devices: readonly string[], { client, signal }: LeaseAsk): Promise<Turn> {
    const turns: Turn[] = []
    const end = () => {
      for (const turn of turns) turn.end()
    }
    try {
      // In one order for all, so that nobody waits for somebody who waits for him.
      for (const device of [...devices].sort()) {
        const turn = await this.#lanes.get(device)?.enter(client, signal)
        if (turn) turns.push(turn)
      }
    } catch (error) {
      end()
      throw error
    }
    return { end }
  }
}

function lanesOf(devices: readonly DeviceConfig[]): Map<string, Lane> {
  const queueLimit = Number.POSITIVE_INFINITY
  return new Map(
    devices
      .filter(({ concurrency }) => concurrency > 0)
      .map(({ name, concurrency }) => [name, new Lane({ concurrency, queueLimit })]),
  )
}

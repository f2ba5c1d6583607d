/** What one device with memory holds, at the moment its driver was asked. */
export interface DeviceReading {
  /** Stays the same for as long as the device is there: an NVIDIA UUID, a PCI address, or `ram`. */
  readonly id: string
  readonly kind: 'nvidia' | 'amd' | 'ram'
  readonly name: string
  readonly totalBytes: number
  /** All that a program cannot have now, also what the driver keeps for itself. */
  readonly usedBytes: number
  /**
   * Bytes by process id; undefined: the driver does not tell (WSL, Windows, MIG). A process that is not in it may
   * hold memory all the same: NVIDIA tells of compute only, and not of what draws.
   */
  readonly byPid: ReadonlyMap<number, number> | undefined
  /** The variables that limit a program to this device; empty where there are none. */
  readonly select: Readonly<Record<string, string>>
}

/** One way to ask for readings. */
export interface DeviceSource {
  /** For people, as it stands in a warning. */
  readonly name: string
  /**
   * The devices of this source; none where the machine has none. Rejects with a SourceFailure where it cannot tell,
   * and ends what it began when the signal aborts.
   */
  read(signal: AbortSignal): Promise<readonly DeviceReading[]>
}

/** Why a source cannot tell, in plain words. */
export class SourceFailure extends Error {
  override readonly name = 'SourceFailure'
  /** The tool is not on this machine, which is as it should be where no such card is. */
  readonly toolIsMissing: boolean

  constructor(message: string, options: ErrorOptions & { readonly toolIsMissing?: boolean } = {}) {
    super(message, options)
    this.toolIsMissing = options.toolIsMissing ?? false
  }
}

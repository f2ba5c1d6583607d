/** What is read of the report of an exchange that is over; the proxy's own has all of it. */
export interface PictureReport {
  readonly backend: string
  readonly path: string
  readonly outcome: string
  readonly firstByteMs: number | undefined
  readonly queueWaitMs: number | undefined
  readonly startWaitMs: number | undefined
}

/** How many of a backend's last pictures count. */
const REMEMBERED = 9
const PICTURE = /\/(?:txt2img|img2img|images\/generations)\/?$/

/** How long pictures take at each backend: the median of the last few. */
export class PictureTimes {
  readonly #byBackend = new Map<string, number[]>()

  /** Learns from every whole picture that passed through; one byte of it comes only when it is done. */
  exchanged(report: PictureReport): void {
    const { backend, path, outcome, firstByteMs, queueWaitMs = 0, startWaitMs = 0 } = report
    if (outcome !== 'ok' || firstByteMs === undefined || !PICTURE.test(path)) return
    this.took(backend, firstByteMs - queueWaitMs - startWaitMs)
  }

  /** Events are not looked at. */
  eventGap(): void {}

  /** Learns that a picture took so long. */
  took(backend: string, ms: number): void {
    const times = this.#byBackend.get(backend) ?? []
    this.#byBackend.set(backend, [...times, ms].slice(-REMEMBERED))
  }

  /** In milliseconds; undefined: it made none yet. */
  usualMs(backend: string): number | undefined {
    const times = [...(this.#byBackend.get(backend) ?? [])].sort((a, b) => a - b)
    return times[Math.floor(times.length / 2)]
  }
}

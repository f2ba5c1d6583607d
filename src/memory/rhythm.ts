/** What the last gap weighs in the mean. */
const LAST = 0.25
/** Most gaps are no longer than this many times the mean. */
const GAPS = 1.5
/** Those that wait in line come at once: that is no gap. */
const NOTICEABLE_MS = 50
/** Who stays away for longer has done something else: that is no gap either. */
const BREAK_MS = 20_000

/** How soon somebody comes back to what has nothing to do: whoever chats or dictates does within moments. */
export class Rhythm {
  #meanMs: number | undefined
  #restedAtMs: number | undefined

  /** A request ended. */
  rested(nowMs: number): void {
    this.#restedAtMs = nowMs
  }

  /** Somebody asks. */
  asked(nowMs: number): void {
    if (this.#restedAtMs === undefined) return
    const gapMs = nowMs - this.#restedAtMs
    this.#restedAtMs = undefined
    if (gapMs < NOTICEABLE_MS || gapMs > BREAK_MS) return
    const mean = this.#meanMs ?? gapMs
    this.#meanMs = mean + LAST * (gapMs - mean)
  }

  /** Until when somebody is to be expected back; where that takes longer than `mostMs`, nobody is worth waiting for. */
  expectedUntilMs(mostMs: number): number {
    if (this.#restedAtMs === undefined || this.#meanMs === undefined) return 0
    const waitMs = GAPS * this.#meanMs
    return waitMs <= mostMs ? this.#restedAtMs + waitMs : 0
  }
}

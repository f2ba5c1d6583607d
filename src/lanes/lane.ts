import type { Leaving } from '../departure.js'
import { FairQueue } from './fair-queue.js'

/** A turn in a lane; `end` gives it to the next waiter, and may be called more than once. */
export interface Turn {
  end(): void
}

export interface LaneLimits {
  /** Turns held at once; 0: no limit. */
  readonly concurrency: number
  /** Waiters at once; one more is refused. */
  readonly queueLimit: number
}

interface Waiter {
  readonly admit: (turn: Turn) => void
  readonly refuse: (error: Error) => void
}

/** The waiting line in front of one backend: bounded, fair between clients, left without cost. */
export class Lane {
  readonly #limits: LaneLimits
  readonly #queue = new FairQueue<Waiter>()
  #held = 0

  constructor(limits: LaneLimits) {
    this.#limits = limits
  }

  get concurrency(): number {
    return this.#limits.concurrency
  }

  get waiting(): number {
    return this.#queue.size
  }

  get held(): number {
    return this.#held
  }

  /**
   * Resolves with a turn when it is this client's. `undefined` at once: the lane is full.
   * Rejects with the signal's reason when that aborts first; then nothing is held. `onWait` is told how many are to go
   * before it, if it must wait.
   */
  enter(
    client: string,
    signal: Leaving,
    onWait?: (ahead: number) => void,
  ): Promise<Turn> | undefined {
    if (signal.aborted) return Promise.reject(signal.reason)
    if (this.#hasRoom()) return Promise.resolve(this.#take())
    if (this.#queue.size >= this.#limits.queueLimit) return undefined
    return this.#wait(client, signal, onWait)
  }

  /** Sends every waiter away with this error; those who have their turn keep it. */
  refuse(error: Error): void {
    for (let waiter = this.#queue.next(); waiter; waiter = this.#queue.next()) waiter.refuse(error)
  }

  #hasRoom(): boolean {
    return this.#limits.concurrency === 0 || this.#held < this.#limits.concurrency
  }

  #wait(client: string, signal: Leaving, onWait?: (ahead: number) => void): Promise<Turn> {
    return new Promise((resolve, reject) => {
      const admit = (turn: Turn) => {
        signal.removeEventListener('abort', leave)
        resolve(turn)
      }
      const refuse = (error: Error) => {
        signal.removeEventListener('abort', leave)
        reject(error)
      }
      const place = this.#queue.join(client, { admit, refuse })
      onWait?.(this.#queue.ahead(place))
      const leave = () => {
        this.#queue.leave(place)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #take(): Turn {
    this.#held += 1
    let ended = false
    return {
      end: () => {
        if (ended) return
        ended = true
        this.#held -= 1
        if (this.#hasRoom()) this.#queue.next()?.admit(this.#take())
      },
    }
  }
}

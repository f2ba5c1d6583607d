import type { ClientReply } from './client-reply.js'
import { Roster } from './roster.js'
import type { Waiting } from './waiting.js'

/** How much of an interval a beat may come late. */
const LATENESS = 1 / 10

/** Shows clients that wait that their requests live, with one timer for all of them. */
export class Heartbeats {
  readonly #intervalMs: number
  readonly #patients = new Roster<ClientReply>()
  #timer: NodeJS.Timeout | undefined

  /** `intervalMs` 0: never. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** From now on this client is shown at every interval that its request lives, until its answer begins. */
  begin(answer: ClientReply, waiting: () => Waiting | undefined): void {
    if (this.#intervalMs === 0 || answer.place >= 0) return
    answer.patience = { dueAt: performance.now() + this.#intervalMs, waiting }
    this.#patients.join(answer)
    this.#timer ??= setInterval(() => this.#beat(), this.#intervalMs * LATENESS).unref()
  }

  end(answer: ClientReply): void {
    this.#patients.leave(answer)
  }

  #beat(): void {
    if (this.#patients.size === 0) this.#rest()
    const now = performance.now()
    for (const answer of this.#patients.all()) {
      const { patience: patient } = answer
      if (!patient || now < patient.dueAt) continue
      patient.dueAt = now + this.#intervalMs
      const waiting = patient.waiting()
      if (waiting && !answer.hasBegun) answer.beat(waiting)
      else this.end(answer)
    }
  }

  /** Not with the last one who leaves: the next may come at once, and a timer is dearer than a look. */
  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

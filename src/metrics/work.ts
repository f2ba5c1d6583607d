import { Times } from './times.js'

/** From a meta call's milliseconds to a picture's minutes on a CPU. */
export const SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
]
/** Between two tokens: from the fastest small model to a stall. */
const GAP_SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]

export interface Taken {
  readonly durationMs: number
  readonly queueWaitMs: number
  readonly startWaitMs: number
  readonly firstByteMs: number | undefined
  readonly requestBytes: number
  readonly responseBytes: number
  /** Undefined: it was no event stream. */
  readonly events: number | undefined
}

/** What the requests of one backend and workload add up to. */
export class Work {
  readonly labels: { readonly backend: string; readonly workload: string }
  readonly outcomes = new Map<string, number>()
  readonly requestDuration = new Times(SECONDS)
  readonly timeToFirstByte = new Times(SECONDS)
  readonly queueWait = new Times(SECONDS)
  readonly startWait = new Times(SECONDS)
  readonly eventGap = new Times(GAP_SECONDS)
  /** Undefined until there was a request that counts. */
  events: number | undefined
  requestBytes: number | undefined
  responseBytes: number | undefined
  emptyAnswers: number | undefined

  constructor(backend: string, workload: string) {
    this.labels = { backend, workload }
  }

  /** One more request that ended so, whoever took it. */
  ended(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }

  /** What is known of a request that its backend took. */
  took(request: Taken): void {
    this.requestDuration.add(request.durationMs)
    this.queueWait.add(request.queueWaitMs)
    this.startWait.add(request.startWaitMs)
    if (request.firstByteMs !== undefined) this.timeToFirstByte.add(request.firstByteMs)
    this.requestBytes = (this.requestBytes ?? 0) + request.requestBytes
    this.responseBytes = (this.responseBytes ?? 0) + request.responseBytes
    if (request.events !== undefined) this.events = (this.events ?? 0) + request.events
  }
}

/** All work there was. Prom-client would make a text of the labels for each number that it is told (bench/README.md). */
export class Works {
  readonly #byBackend = new Map<string, Map<string, Work>>()

  of(backend: string, workload: string): Work {
    return this.#byBackend.get(backend)?.get(workload) ?? this.#begin(backend, workload)
  }

  all(): Work[] {
    return [...this.#byBackend.values()].flatMap((works) => [...works.values()])
  }

  #begin(backend: string, workload: string): Work {
    const work = new Work(backend, workload)
    const known = this.#byBackend.get(backend)
    if (known) known.set(workload, work)
    else this.#byBackend.set(backend, new Map([[workload, work]]))
    return work
  }
}

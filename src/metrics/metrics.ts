import { Gauge, Registry } from 'prom-client'
import type { BackendStatus } from '../backends/backend.js'
import type { BackendRecorder } from '../backends/recorder.js'
import { STATES } from '../backends/states.js'
import { hasCode } from '../errors.js'
import { createGauges, createInstruments, type Instruments } from './instruments.js'
import { type Taken, Works } from './work.js'

/** An exchange as far as metrics care; the proxy's report has these fields. */
export interface MeasuredExchange {
  readonly backend: string
  readonly workload: string
  readonly outcome: string
  /** Undefined for a request that no backend took; it is counted, but its times say nothing of a backend. */
  readonly queueWaitMs: number | undefined
  readonly startWaitMs: number | undefined
  readonly firstByteMs: number | undefined
  readonly durationMs: number
  readonly replays: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly events: number | undefined
  /** What went wrong, if something did. */
  readonly cause: unknown
}

/** The metrics of one gateway. */
export class Metrics {
  readonly registry = new Registry()
  readonly #instruments: Instruments
  readonly #works = new Works()

  constructor(version: string, read: () => readonly BackendStatus[]) {
    this.#instruments = createInstruments(this.registry, this.#works)
    createGauges(this.registry, STATES, read)
    new Gauge({
      name: 'gatehouse_build_info',
      help: 'Always 1; the labels say what runs.',
      labelNames: ['version', 'node'],
      registers: [this.registry],
    }).set({ version, node: process.versions.node }, 1)
  }

  /** For the proxy. */
  readonly exchanges = {
    exchanged: (exchange: MeasuredExchange) => this.#exchanged(exchange),
    eventGap: (backend: string, workload: string, gapMs: number) =>
      this.#works.of(backend, workload).eventGap.add(gapMs),
  }

  /** For the backends. */
  readonly backends: BackendRecorder = {
    moved: () => {},
    started: ({ backend, outcome, durationMs }) => {
      this.#instruments.starts.inc({ backend, outcome })
      if (outcome === 'ready') {
        this.#instruments.startDuration.observe({ backend }, durationMs / 1000)
      }
    },
    crashed: (backend) => this.#instruments.crashes.inc({ backend }),
    leftBehind: () => {},
  }

  #exchanged(exchange: MeasuredExchange): void {
    const { backend, workload } = exchange
    const work = this.#works.of(backend, workload)
    work.ended(exchange.outcome)
    if (hasCode(exchange.cause, 'GATEHOUSE_EMPTY_ANSWER')) {
      work.emptyAnswers = (work.emptyAnswers ?? 0) + 1
    }
    if (!isTaken(exchange)) return
    if (exchange.replays > 0) this.#instruments.replays.inc({ backend }, exchange.replays)
    work.took(exchange)
  }
}

function isTaken(exchange: MeasuredExchange): exchange is MeasuredExchange & Taken {
  return exchange.queueWaitMs !== undefined && exchange.startWaitMs !== undefined
}

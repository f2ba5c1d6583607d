import { type Counter, Gauge, Registry } from 'prom-client'
import type { BackendStatus } from '../backends/backend.js'
import type { BackendRecorder } from '../backends/recorder.js'
import { STATES } from '../backends/states.js'
import { hasCode } from '../errors.js'
import { createGauges, createInstruments, type Instruments } from './instruments.js'

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
  readonly #bound = new Map<string, Bound>()
  readonly #counters = new Map<string, Counter.Internal>()

  constructor(version: string, read: () => readonly BackendStatus[]) {
    this.#instruments = createInstruments(this.registry)
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
      this.#bind(backend, workload).eventGap.observe(gapMs / 1000),
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
    const { backend, workload, outcome } = exchange
    this.#count(backend, workload, outcome)
    if (hasCode(exchange.cause, 'GATEHOUSE_EMPTY_ANSWER')) {
      this.#instruments.emptyAnswers.inc({ backend, workload })
    }
    const { queueWaitMs, startWaitMs } = exchange
    if (queueWaitMs === undefined || startWaitMs === undefined) return
    const bound = this.#bind(backend, workload)
    if (exchange.replays > 0) this.#instruments.replays.inc({ backend }, exchange.replays)
    bound.requestDuration.observe(exchange.durationMs / 1000)
    bound.queueWait.observe(queueWaitMs / 1000)
    bound.startWait.observe(startWaitMs / 1000)
    if (exchange.firstByteMs !== undefined) {
      bound.timeToFirstByte.observe(exchange.firstByteMs / 1000)
    }
    bound.requestBytes.inc(exchange.requestBytes)
    bound.responseBytes.inc(exchange.responseBytes)
    if (exchange.events !== undefined) bound.events.inc(exchange.events)
  }

  #count(backend: string, workload: string, outcome: string): void {
    const key = `${backend} ${workload} ${outcome}`
    const known = this.#counters.get(key)
    const counter = known ?? this.#instruments.requests.labels({ backend, workload, outcome })
    if (!known) this.#counters.set(key, counter)
    counter.inc()
  }

  /** The instruments of one backend and workload, looked up by label once. */
  #bind(backend: string, workload: string): Bound {
    const key = `${backend} ${workload}`
    const known = this.#bound.get(key)
    if (known) return known
    const bound = bind(this.#instruments, { backend, workload })
    this.#bound.set(key, bound)
    return bound
  }
}

type Bound = ReturnType<typeof bind>

function bind(instruments: Instruments, labels: { backend: string; workload: string }) {
  return {
    requestDuration: instruments.requestDuration.labels(labels),
    timeToFirstByte: instruments.timeToFirstByte.labels(labels),
    queueWait: instruments.queueWait.labels(labels),
    startWait: instruments.startWait.labels(labels),
    eventGap: instruments.eventGap.labels(labels),
    events: instruments.events.labels(labels),
    requestBytes: instruments.requestBytes.labels(labels),
    responseBytes: instruments.responseBytes.labels(labels),
  }
}

import {
  Counter,
  type CounterConfiguration,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type HistogramConfiguration,
  type Registry,
} from 'prom-client'
import type { Series } from './times.js'
import { SECONDS, type Works } from './work.js'

/** Gauges of prom-client that are named like counters: `promtool check metrics` refuses them. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`)
/**
 * Prom-client has the event loop watched for these a hundred times a second, at the price of one hundredth of a
 * processor while nothing else happens. `nodejs_eventloop_lag_seconds` is measured when somebody scrapes.
 */
const UNKNOWN = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
  (which) => `nodejs_eventloop_lag_${which}_seconds`,
)
/** The longest that a timer can take. */
const NEVER_MS = 2 ** 31 - 1
const WORK_LABELS = ['backend', 'workload'] as const
const OUTCOME_LABELS = ['backend', 'workload', 'outcome'] as const

/** Every metric of the gateway; docs/design.md, "Metrics". Times are in seconds, sizes in bytes. */
export function createInstruments(registry: Registry, works: Works) {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS })
  for (const name of [...MISNAMED, ...UNKNOWN]) registry.removeSingleMetric(name)
  showTimes(registry, works)
  showCounts(registry, works)
  return backendEvents(registry)
}

type TimesOf = 'requestDuration' | 'timeToFirstByte' | 'queueWait' | 'startWait' | 'eventGap'

function showTimes(registry: Registry, works: Works): void {
  const show = (of: TimesOf, name: string, help: string) => {
    const read = () => works.all().flatMap((work) => work[of].series(name, work.labels))
    const config = { name, help, labelNames: WORK_LABELS, registers: [registry] }
    return new ShownHistogram(config, read)
  }
  show(
    'requestDuration',
    'gatehouse_request_duration_seconds',
    'From the arrival of a request until its reply was over.',
  )
  show(
    'timeToFirstByte',
    'gatehouse_request_time_to_first_byte_seconds',
    'From the arrival of a request until the first byte of its reply.',
  )
  show('queueWait', 'gatehouse_queue_wait_seconds', 'Time a request waited in its lane.')
  show(
    'startWait',
    'gatehouse_start_wait_seconds',
    'Time a request waited until its backend was ready.',
  )
  show(
    'eventGap',
    'gatehouse_stream_event_gap_seconds',
    'Time between two events of an event stream.',
  )
}

/** A histogram of times that are counted elsewhere. */
class ShownHistogram extends Histogram {
  readonly #name: string
  readonly #help: string
  readonly #read: () => Series[]

  constructor(config: HistogramConfiguration<string>, read: () => Series[]) {
    super(config)
    this.#name = config.name
    this.#help = config.help
    this.#read = read
  }

  /** What a registry asks for; prom-client's types leave it out. */
  async getForPromString() {
    return { name: this.#name, help: this.#help, type: 'histogram', values: this.#read() }
  }
}

type CountOf = 'events' | 'emptyAnswers' | 'requestBytes' | 'responseBytes'

function showCounts(registry: Registry, works: Works): void {
  const show = (of: CountOf, name: string, help: string) =>
    showCounter({ name, help, labelNames: WORK_LABELS, registers: [registry] }, (add) => {
      for (const work of works.all()) {
        const value = work[of]
        if (value !== undefined) add(work.labels, value)
      }
    })
  const requests = { name: 'gatehouse_requests_total', help: 'Requests that are over.' }
  showCounter({ ...requests, labelNames: OUTCOME_LABELS, registers: [registry] }, (add) => {
    for (const { labels, outcomes } of works.all()) {
      for (const [outcome, value] of outcomes) add({ ...labels, outcome }, value)
    }
  })
  show(
    'emptyAnswers',
    'gatehouse_empty_answers_total',
    'Answers of backends that said all is well and had nothing in them.',
  )
  show('events', 'gatehouse_stream_events_total', 'Events streamed to clients.')
  show('requestBytes', 'gatehouse_request_bytes_total', 'Bytes of request bodies.')
  show(
    'responseBytes',
    'gatehouse_response_bytes_total',
    'Bytes of reply bodies taken from backends.',
  )
}

/** A counter of what is counted elsewhere; `read` tells all of it. */
function showCounter<T extends string>(
  config: CounterConfiguration<T>,
  read: (add: (labels: Partial<Record<T, string>>, value: number) => void) => void,
): void {
  new Counter({
    ...config,
    collect() {
      this.reset()
      read((labels, value) => this.inc(labels, value))
    },
  })
}

function backendEvents(registry: Registry) {
  const registers = [registry]
  return {
    starts: new Counter({
      name: 'gatehouse_backend_starts_total',
      help: 'Starts of a backend, by how they ended.',
      labelNames: ['backend', 'outcome'],
      registers,
    }),
    startDuration: new Histogram({
      name: 'gatehouse_backend_start_duration_seconds',
      help: 'From the begin of a start until the backend was ready.',
      labelNames: ['backend'],
      buckets: SECONDS,
      registers,
    }),
    replays: new Counter({
      name: 'gatehouse_replays_total',
      help: 'Requests sent again because their backend had ended before it answered.',
      labelNames: ['backend'],
      registers,
    }),
    crashes: new Counter({
      name: 'gatehouse_backend_crashes_total',
      help: 'Backends that ended by themselves after they were ready.',
      labelNames: ['backend'],
      registers,
    }),
  }
}

export type Instruments = ReturnType<typeof createInstruments>

/** What the gauges show; asked when somebody scrapes. */
export interface BackendGauges {
  readonly name: string
  readonly state: string
  readonly waiting: number
  readonly inFlight: number
}

/** Gauges that are read from the backends themselves, so that they cannot drift from them. */
export function createGauges(
  registry: Registry,
  states: readonly string[],
  read: () => readonly BackendGauges[],
): void {
  const gauge = (name: string, help: string, value: (backend: BackendGauges) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['backend'],
      registers: [registry],
      collect() {
        for (const backend of read()) this.set({ backend: backend.name }, value(backend))
      },
    })
  gauge('gatehouse_requests_in_flight', 'Requests on a backend now.', (backend) => backend.inFlight)
  gauge('gatehouse_requests_waiting', 'Requests in the lane now.', (backend) => backend.waiting)
  new Gauge({
    name: 'gatehouse_backend_state',
    help: '1 for the state a backend is in, 0 for the others.',
    labelNames: ['backend', 'state'],
    registers: [registry],
    collect() {
      for (const { name, state: is } of read()) {
        for (const state of states) this.set({ backend: name, state }, state === is ? 1 : 0)
      }
    },
  })
}

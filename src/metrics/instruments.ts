import { Counter, collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client'

/** From a meta call's milliseconds to a picture's minutes on a CPU. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
/** Between two tokens: from the fastest small model to a stall. */
const GAP_SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]
/** Gauges of prom-client that are named like counters: `promtool check metrics` refuses them. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`)
const WORK_LABELS = ['backend', 'workload'] as const
const OUTCOME_LABELS = ['backend', 'workload', 'outcome'] as const

/** Every metric of the gateway; docs/design.md, "Metrics". Times are in seconds, sizes in bytes. */
export function createInstruments(registry: Registry) {
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return { ...requestTimes(registry), ...requestCounts(registry), ...backendEvents(registry) }
}

function requestTimes(registry: Registry) {
  const registers = [registry]
  const histogram = (name: string, help: string, buckets = SECONDS) =>
    new Histogram({ name, help, labelNames: WORK_LABELS, buckets, registers })
  return {
    requestDuration: histogram(
      'gatehouse_request_duration_seconds',
      'From the arrival of a request until its reply was over.',
    ),
    timeToFirstByte: histogram(
      'gatehouse_request_time_to_first_byte_seconds',
      'From the arrival of a request until the first byte of its reply.',
    ),
    queueWait: histogram('gatehouse_queue_wait_seconds', 'Time a request waited in its lane.'),
    startWait: histogram(
      'gatehouse_start_wait_seconds',
      'Time a request waited until its backend was ready.',
    ),
    eventGap: histogram(
      'gatehouse_stream_event_gap_seconds',
      'Time between two events of an event stream.',
      GAP_SECONDS,
    ),
  }
}

function requestCounts(registry: Registry) {
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Counter({ name, help, labelNames, registers: [registry] })
  return {
    requests: counter('gatehouse_requests_total', 'Requests that are over.', OUTCOME_LABELS),
    emptyAnswers: counter(
      'gatehouse_empty_answers_total',
      'Answers of backends that said all is well and had nothing in them.',
      WORK_LABELS,
    ),
    events: counter('gatehouse_stream_events_total', 'Events streamed to clients.', WORK_LABELS),
    requestBytes: counter('gatehouse_request_bytes_total', 'Bytes of request bodies.', WORK_LABELS),
    responseBytes: counter(
      'gatehouse_response_bytes_total',
      'Bytes of reply bodies taken from backends.',
      WORK_LABELS,
    ),
  }
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

/** How an exchange ended; one label value each. */
export type Outcome =
  | 'ok'
  | 'client_gone'
  | 'upstream_error'
  | 'upstream_broken'
  | 'start_failed'
  | 'queue_full'
  | 'no_memory'
  | 'timeout'
  | 'refused'

/** All that is known of one request when it is over; times in milliseconds from its arrival unless said. */
export interface ExchangeReport {
  readonly requestId: string
  readonly client: string
  readonly method: string
  readonly path: string
  /** Empty: the gateway itself, or nobody. */
  readonly backend: string
  readonly workload: string
  readonly route: string
  readonly outcome: Outcome
  readonly status: number
  /** Durations, not points in time; undefined for a request that no backend took. */
  readonly queueWaitMs: number | undefined
  readonly startWaitMs: number | undefined
  /** Undefined when no byte came. */
  readonly firstByteMs: number | undefined
  readonly durationMs: number
  /** How often it was sent again, because its backend had ended. */
  readonly replays: number
  readonly requestBytes: number
  readonly responseBytes: number
  /** Events of an event stream; undefined for other replies. */
  readonly events: number | undefined
  readonly cause: unknown
}

/** What the proxy tells the layers beside it; metrics and the access log hang on it. */
export interface ExchangeRecorder {
  exchanged(report: ExchangeReport): void
  /** An event came `gapMs` after the one before it. */
  eventGap(backend: string, workload: string, gapMs: number): void
}

/** Tells several recorders, in this order. */
export function recordExchanges(...recorders: readonly ExchangeRecorder[]): ExchangeRecorder {
  return {
    exchanged: (report) => {
      for (const recorder of recorders) recorder.exchanged(report)
    },
    eventGap: (backend, workload, gapMs) => {
      for (const recorder of recorders) recorder.eventGap(backend, workload, gapMs)
    },
  }
}

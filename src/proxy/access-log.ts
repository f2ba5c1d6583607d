import type { Logger } from 'pino'
import type { ExchangeRecorder, ExchangeReport } from './recorder.js'

/** One line per request, when it is over. What a user's own fault or leaving caused is no warning. */
export function createAccessLog(log: Logger): ExchangeRecorder {
  return {
    exchanged: (report) => {
      const at = level(report)
      if (log.isLevelEnabled(at)) log[at](line(report), message(report))
    },
    eventGap: () => {},
  }
}

function message({ method, path, backend, status, outcome, durationMs }: ExchangeReport): string {
  const by = backend === '' ? 'gatehouse' : backend
  return `${method} ${path}: ${status} ${outcome} by ${by} in ${Math.round(durationMs)} ms`
}

function level({ backend, outcome }: ExchangeReport): 'debug' | 'info' | 'warn' {
  if (backend === '' && outcome === 'ok') return 'debug' // a page that polls us is no news
  return outcome === 'ok' || outcome === 'client_gone' || outcome === 'refused' ? 'info' : 'warn'
}

function line(report: ExchangeReport): Record<string, unknown> {
  return {
    id: report.requestId,
    client: report.client,
    method: report.method,
    path: report.path,
    backend: report.backend,
    workload: report.workload,
    route: report.route,
    outcome: report.outcome,
    status: report.status,
    queueMs: rounded(report.queueWaitMs),
    startMs: rounded(report.startWaitMs),
    firstByteMs: rounded(report.firstByteMs),
    totalMs: Math.round(report.durationMs),
    requestBytes: report.requestBytes,
    responseBytes: report.responseBytes,
    events: report.events,
    replays: report.replays > 0 ? report.replays : undefined,
    why: report.outcome === 'ok' || report.cause === undefined ? undefined : why(report.cause),
  }
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms)
}

/** The message of an error and of everything that caused it: the log may know what the client may not. */
function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message} <- ${why(error.cause)}`
}

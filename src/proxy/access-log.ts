import type { BaseLogger } from 'pino'
import type { ExchangeRecorder, ExchangeReport } from './recorder.js'

/** One line per request, when it is over. What a user's own fault or leaving caused is no warning. */
export function createAccessLog(log: BaseLogger): ExchangeRecorder {
  return {
    exchanged: (report) => log[level(report)](line(report), message(report)),
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
  const { requestId, cause, queueWaitMs, startWaitMs, firstByteMs, durationMs, ...facts } = report
  return {
    id: requestId,
    ...facts,
    queueMs: rounded(queueWaitMs),
    startMs: rounded(startWaitMs),
    firstByteMs: rounded(firstByteMs),
    totalMs: Math.round(durationMs),
    ...(report.outcome === 'ok' || cause === undefined ? {} : { why: why(cause) }),
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

import type { State } from './states.js'

export interface Move {
  readonly backend: string
  readonly from: State
  readonly to: State
  /** Of its process, where it has one. */
  readonly pid: number | undefined
  /** Why, in words for the log. */
  readonly reason: string
  /** The cause of a failure, and the last lines of the backend's output. */
  readonly cause?: unknown
  readonly output?: readonly string[]
}

export interface StartReport {
  readonly backend: string
  readonly outcome: 'ready' | 'failed' | 'stopped'
  readonly durationMs: number
}

/** What backends tell the layers above; log, metrics and the terminal's live line hang on it. */
export interface BackendRecorder {
  moved(move: Move): void
  started(report: StartReport): void
  crashed(backend: string): void
  /** A stop failed: something of the backend may still live. */
  leftBehind(backend: string, cause: unknown): void
}

/** Tells several recorders, in this order. One that throws does not break a move: its error surfaces by itself. */
export function recordTo(...recorders: readonly BackendRecorder[]): BackendRecorder {
  const tell = (what: (recorder: BackendRecorder) => void) => {
    for (const recorder of recorders) {
      try {
        what(recorder)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
  return {
    moved: (move) => tell((recorder) => recorder.moved(move)),
    started: (report) => tell((recorder) => recorder.started(report)),
    crashed: (backend) => tell((recorder) => recorder.crashed(backend)),
    leftBehind: (backend, cause) => tell((recorder) => recorder.leftBehind(backend, cause)),
  }
}

/** Begins to time a start; what it returns reports how that ended. */
export function timedStart(recorder: BackendRecorder, backend: string) {
  const begun = Date.now()
  return (outcome: StartReport['outcome']): void =>
    recorder.started({ backend, outcome, durationMs: Date.now() - begun })
}

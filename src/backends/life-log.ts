import type { BaseLogger } from 'pino'
import type { BackendRecorder } from './recorder.js'

/** One line for each move of a backend. */
export function createLifeLog(log: BaseLogger): BackendRecorder {
  return {
    moved: ({ backend, from, to, reason, cause, output }) => {
      const facts = { backend, from, to, reason }
      if (to === 'failed')
        log.error({ ...facts, err: cause, output: output?.slice(-20) }, 'backend')
      else log.info(facts, 'backend')
    },
    started: ({ backend, outcome, durationMs }) => {
      if (outcome === 'ready') log.info({ backend, durationMs }, 'backend started')
    },
    crashed: () => {}, // its move to `failed` has been logged
    leftBehind: (backend, cause) =>
      log.error({ backend, err: cause }, 'backend could not be stopped'),
  }
}

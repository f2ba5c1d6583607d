import type { BaseLogger } from 'pino'
import type { BackendRecorder } from './recorder.js'

const SHOWN_LINES = 20

/** One line for each move of a backend. */
export function createLifeLog(log: BaseLogger): BackendRecorder {
  return {
    moved: ({ cause, output, ...facts }) => {
      const message = `${facts.backend} is ${facts.to}: ${facts.reason}`
      if (facts.to !== 'failed') log.info(facts, message)
      else log.error({ ...facts, err: cause, output: output?.slice(-SHOWN_LINES) }, message)
    },
    started: ({ backend, outcome, durationMs }) => {
      if (outcome === 'ready')
        log.info({ backend, durationMs }, `${backend} was ready after ${durationMs} ms`)
    },
    crashed: () => {}, // its move to `failed` has been logged
    leftBehind: (backend, cause) =>
      log.error({ backend, err: cause }, `${backend} could not be stopped`),
  }
}

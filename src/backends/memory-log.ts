import type { BaseLogger } from 'pino'
import { sizeText } from '../memory/amounts.js'
import type { MemoryRecorder } from '../memory/recorder.js'

/** One line for each thing about memory that a user should know. */
export function createMemoryLog(log: BaseLogger): MemoryRecorder {
  return {
    evicted: () => {}, // its stop is a move, which is logged with its reason
    overQuota: ({ backend, device, heldBytes, quotaBytes }) =>
      log.warn(
        { backend, device, heldBytes, quotaBytes },
        `${backend} holds ${sizeText(heldBytes)} of ${device}, and may hold ${sizeText(quotaBytes)}`,
      ),
    misdeclared: ({ backend, device, heldBytes, declaredBytes }) =>
      log.warn(
        { backend, device, heldBytes, declaredBytes },
        `${backend} held up to ${sizeText(heldBytes)} of ${device}, and routes.json says ${sizeText(declaredBytes)}: write "${device}": "${sizeText(worthWriting(heldBytes))}", or "auto"`,
      ),
    slowToReturn: ({ backend, afterMs }) =>
      log.warn(
        { backend, afterMs },
        `${backend} has ended, but its memory is not shown as free after ${afterMs / 1000} s; going on`,
      ),
  }
}

const STEP_BYTES = 64 * 2 ** 20
/** What was seen is rarely the most that there will ever be. */
const MARGIN = 1.05

function worthWriting(heldBytes: number): number {
  return Math.ceil((heldBytes * MARGIN) / STEP_BYTES) * STEP_BYTES
}

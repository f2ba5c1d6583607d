import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'

/** How often within the time allowed a look is taken: a silence is noticed at most a quarter late. */
const LOOKS = 4

/** Somebody who is to send something. */
export interface Speaker {
  /** How long it may be silent; 0: as long as it likes. */
  readonly timeoutMs: number
  readonly bytesRead: () => number
  /** Whether it is we who read no further. */
  readonly isHeld: () => boolean
  readonly onSilence: () => void
}

/**
 * Calls `onSilence`, at most once, when nothing has come for this long, not counting the time in which it is held.
 * Returns what ends the watch, which must be called.
 */
export function watchSilence({ timeoutMs, bytesRead, isHeld, onSilence }: Speaker): () => void {
  if (timeoutMs === 0) return noWatch
  let seenBytes = bytesRead()
  let seenAt = performance.now()
  // One timer for all that comes: each piece would have its own to set, and a look costs next to nothing.
  const timer = setInterval(() => {
    if (bytesRead() !== seenBytes || isHeld()) {
      seenBytes = bytesRead()
      seenAt = performance.now()
    } else if (performance.now() - seenAt >= timeoutMs) {
      clearInterval(timer)
      onSilence()
    }
  }, timeoutMs / LOOKS).unref()
  return () => clearInterval(timer)
}

/** The same for the body of a request; what has come of it and waits for us, or comes no more, is no silence. */
export function watchBody(
  raw: IncomingMessage,
  timeoutMs: number,
  onSilence: () => void,
): () => void {
  const { socket } = raw
  return watchSilence({
    timeoutMs,
    bytesRead: () => socket.bytesRead,
    isHeld: () => raw.isPaused() || raw.readableLength > 0 || raw.complete,
    onSilence,
  })
}

function noWatch(): void {}

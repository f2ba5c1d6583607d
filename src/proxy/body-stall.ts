import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'

/** How often within the time allowed a look is taken: a stall is noticed at most a quarter late. */
const LOOKS = 4

/**
 * Calls `onStall`, at most once, when nothing of a body has come for this long (0: never), not counting the time in
 * which we read no further ourselves. Returns what ends the watch, which must be called.
 */
export function watchBody(
  raw: IncomingMessage,
  timeoutMs: number,
  onStall: () => void,
): () => void {
  if (timeoutMs === 0) return noWatch
  const { socket } = raw
  let seenBytes = socket.bytesRead
  let seenAt = performance.now()
  // One timer for the whole body: each chunk would have its own to set, and a look costs next to nothing.
  const timer = setInterval(() => {
    if (socket.bytesRead !== seenBytes || isHeldByUs(raw)) {
      seenBytes = socket.bytesRead
      seenAt = performance.now()
    } else if (performance.now() - seenAt >= timeoutMs) {
      clearInterval(timer)
      onStall()
    }
  }, timeoutMs / LOOKS).unref()
  return () => clearInterval(timer)
}

/** What has come and waits for us, or comes no more, is no stall of the client's. */
function isHeldByUs(raw: IncomingMessage): boolean {
  return raw.isPaused() || raw.readableLength > 0 || raw.complete
}

function noWatch(): void {}

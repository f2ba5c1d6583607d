import type { Socket } from 'node:net'

/** A peer that is gone answers the first bytes with a reset, which the next ones show: two at once, then fewer. */
const PAUSES_MS = [0, 20, 100, 500, 2_000] as const
const LAST_PAUSE_MS = 5_000
/** How long nothing may be sent to a client that could not be asked, before it is taken for gone. */
const SILENCE_MS = 2_000

/**
 * Tells a client that has only ended its side of the connection, and still reads, from one that is gone: both send
 * the same FIN. `probe` writes something that means nothing, if it can; a socket that nobody reads breaks by it, and
 * closes. Where nothing can be written the bytes of the answer show it; if there are none either, it is gone.
 * Returns how to stop.
 */
export function keepProbing(socket: Socket, probe: () => boolean, isGone: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  let probes = 0
  let sentBytes = -1
  let sentAt = 0
  const next = () => {
    timer = setTimeout(ask, PAUSES_MS[probes] ?? LAST_PAUSE_MS).unref()
    probes += 1
  }
  const ask = () => {
    const hasAsked = probe()
    if (hasAsked || socket.bytesWritten !== sentBytes || socket.writableLength > 0) {
      sentBytes = socket.bytesWritten
      sentAt = performance.now()
    }
    if (performance.now() - sentAt >= SILENCE_MS) isGone()
    else next()
  }
  next()
  return () => clearTimeout(timer)
}

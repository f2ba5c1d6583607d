import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How long a client may go on sending what nobody wants any more. */
const LINGER_MS = 2_000

/**
 * For an answer that comes before its request's body has: the connection ends with it, but only once the client has
 * stopped sending, because a reset would take the answer from it (RFC 9112 9.6).
 */
export function closeLingering(raw: ServerResponse): void {
  const { socket, req } = raw
  raw.shouldKeepAlive = false
  if (!socket) return
  // Node's server calls this once the answer is written; by itself it would close at once, and so reset.
  socket.destroySoon = () => linger(socket)
  req.resume()
}

function linger(socket: Socket): void {
  const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref()
  socket.once('close', () => clearTimeout(cut))
  socket.once('end', () => socket.destroy())
  socket.removeAllListeners('data').on('data', () => {}) // and what else it may ask for
  socket.end()
}

import type { Socket } from 'node:net'

/** A peer whose machine vanished says nothing: the system asks it after so long a silence. */
const KEEP_ALIVE_MS = 60_000
/** How long the last bytes for one side may make no way, and it may then take to end. */
const LAST_BYTES_MS = 2_000

/** How many bytes a tunnel took, each way. */
export interface Carried {
  readonly requestBytes: number
  readonly responseBytes: number
}

/**
 * Joins two sockets: bytes pass both ways as they come, with back-pressure, as long as both live. When one side ends,
 * what it sent is delivered and the other ends too. Calls back once, when both are closed.
 */
export function joinSockets(
  client: Socket,
  backend: Socket,
  over: (carried: Carried) => void,
): void {
  const before = { requestBytes: backend.bytesWritten, responseBytes: client.bytesWritten }
  let open = 2
  const closed = () => {
    open -= 1
    if (open > 0) return
    over({
      requestBytes: backend.bytesWritten - before.requestBytes,
      responseBytes: client.bytesWritten - before.responseBytes,
    })
  }
  pass(client, backend, closed)
  pass(backend, client, closed)
}

function pass(from: Socket, to: Socket, closed: () => void): void {
  from.setTimeout(0)
  from.setNoDelay(true)
  from.setKeepAlive(true, KEEP_ALIVE_MS)
  from.on('error', () => from.destroy()) // who broke off is not told apart: the other side just ends
  from.once('end', () => finish(to))
  from.once('close', () => {
    finish(to)
    to.unpipe(from)
    to.resume() // a socket that is closed with bytes unread is reset, and what was sent on it last is lost
    closed()
  })
  from.pipe(to, { end: false })
}

/** Sends what is still to be sent, and closes; a peer that takes nothing, or does not end, is not waited for. */
function finish(socket: Socket): void {
  if (socket.destroyed || socket.writableEnded) return
  socket.end()
  let left = socket.writableLength
  const watch = setInterval(() => {
    if (left === 0 || socket.writableLength === left) socket.destroy()
    left = socket.writableLength
  }, LAST_BYTES_MS).unref()
  socket.once('close', () => clearInterval(watch))
}

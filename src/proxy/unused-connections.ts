import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Returns what closes the connections on which nothing was ever sent: Node's own `close` leaves them open. */
export function watchUnused(server: Server): () => void {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    if (sockets.has(socket)) return // it came before, and was handed in once more (upgrade.ts)
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return () => {
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }
}

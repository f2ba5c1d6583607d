import type { Server } from 'node:http'
import { type AddressInfo, createServer, type Server as SocketServer } from 'node:net'

/** A machine without IPv6 has nobody who could come by it. */
const NO_IPV6 = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/**
 * Makes a server that listens on 127.0.0.1 answer on ::1 too, at the same port: `localhost` is one or the other,
 * as a client likes, whatever the machine's hosts file says. Rejects if another program has the port there.
 */
export function listenOnIpv6Too(server: Server): Promise<SocketServer | undefined> {
  const { port } = server.address() as AddressInfo
  const second = createServer((socket) => server.emit('connection', socket))
  if (server.maxConnections > 0) second.maxConnections = server.maxConnections
  return new Promise((resolve, reject) => {
    second.once('error', (error: NodeJS.ErrnoException) => {
      if (NO_IPV6.has(error.code ?? '')) resolve(undefined)
      else reject(error)
    })
    second.listen({ host: '::1', port }, () => resolve(second))
  })
}

/** The least that one Node process can do: bytes from socket to socket, unread. `splice.ts PORT UPSTREAM-URL`. */
import { connect, createServer } from 'node:net'

const [port, upstream = ''] = process.argv.slice(2)
const { hostname: host, port: upstreamPort } = new URL(upstream)
const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const backend = connect({ host, port: Number(upstreamPort), noDelay: true, allowHalfOpen: true })
  for (const socket of [client, backend]) {
    socket.on('error', () => {
      client.destroy()
      backend.destroy()
    })
  }
  client.pipe(backend)
  backend.pipe(client)
})
server.listen(Number(port), '127.0.0.1')

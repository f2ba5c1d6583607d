/** The gateway that one would have without writing any: `stock.ts PORT UPSTREAM-URL`. */
import proxy from '@fastify/http-proxy'
import Fastify from 'fastify'

const [port, upstream = ''] = process.argv.slice(2)
const server = Fastify()
await server.register(proxy, { upstream })
await server.listen({ host: '127.0.0.1', port: Number(port) })

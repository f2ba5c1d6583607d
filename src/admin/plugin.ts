import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Backend } from '../backends/backend.js'
import { GatehouseError } from '../errors.js'
import { isSameOrigin } from './same-origin.js'
import { type StatusParts, statusOf } from './status.js'

interface OfBackend {
  readonly Params: { readonly name: string }
}

/**
 * `/gatehouse/api/`, for the gateway's own pages and `gatehouse status`: how all is, and the start of one without any work
 * for it. Pages of other origins can neither read the one nor call the other: no CORS header is on them.
 */
export function registerAdmin(app: FastifyInstance, parts: StatusParts): void {
  const { pool } = parts
  app.get('/gatehouse/api/status', async (_request, reply) => {
    return reply.header('cache-control', 'no-store').send(statusOf(parts))
  })
  app.post<OfBackend>('/gatehouse/api/backends/:name/start', async (request, reply) => {
    // It needs no password, so the browser's word for whose page it is has to do.
    if (!isSameOrigin(request.headers, request.host)) {
      throw new GatehouseError('GATEHOUSE_CROSS_SITE')
    }
    const backend = pool.get(request.params.name)
    if (!backend) throw new GatehouseError('GATEHOUSE_NO_ROUTE')
    await begin(backend)
    const { name, state } = backend.status()
    return reply.status(202).header('cache-control', 'no-store').send({ name, state })
  })
}

/** Throws what refuses the start at once, such as a pause after a failure; what comes later is in its state. */
async function begin(backend: Backend): Promise<void> {
  const ready = backend.start(new AbortController().signal)
  ready.catch(() => {})
  await Promise.race([ready, nextTurn()])
}

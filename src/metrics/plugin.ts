import type { FastifyInstance } from 'fastify'
import type { Metrics } from './metrics.js'

/** Monitors like to ask by HEAD. */
const HEAD_TOO = { exposeHeadRoute: true }

/** `/metrics`, `/healthz` (200 as soon as we listen) and `/readyz` (200 once all that is kept loaded is ready). */
export function registerMetrics(
  app: FastifyInstance,
  metrics: Metrics,
  isReady: () => boolean,
): void {
  app.get('/metrics', HEAD_TOO, async (_request, reply) => {
    const text = await metrics.registry.metrics()
    return reply.type(metrics.registry.contentType).send(text)
  })
  app.get('/healthz', HEAD_TOO, async () => ({ status: 'ok' }))
  app.get('/readyz', HEAD_TOO, async (_request, reply) => {
    const ready = isReady()
    return reply.status(ready ? 200 : 503).send({ status: ready ? 'ready' : 'starting' })
  })
}

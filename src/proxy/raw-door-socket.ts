import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Pool } from '../backends/pool.js'
import { normalisePath } from '../config/normalise-path.js'
import { dialectOf } from '../dialects/dialect-of.js'
import { rowOf } from '../routing/row.js'
import type { Admission } from './admit.js'
import type { Call } from './outbound.js'
import type { WebSocketOffer } from './upgrade.js'

const DOOR = /^\/gatehouse\/backends\/([^/]+)/
/** No row of the table: the door leads past that. */
const ROW = rowOf({ to: { workload: 'text' }, methods: ['GET'], upgrade: true }, [
  'raw-door',
  '/gatehouse/backends/*',
  'kobold',
  'WebSockets of the pages of one backend',
])

export interface DoorParts {
  readonly pool: Pool
  readonly offers: WeakMap<IncomingMessage, WebSocketOffer>
}

/**
 * `/gatehouse/backends/NAME/*` for WebSockets: they are sent along the line like any other, past routes and lanes.
 * A backend that has none gets a plain request. Register it ahead of the door itself.
 */
export function registerRawDoorSockets(
  app: FastifyInstance,
  { pool, offers }: DoorParts,
  admission: Admission,
): void {
  app.addHook('onRequest', (request, reply, done) => {
    const call = offers.has(request.raw) ? callOf(request.raw, pool) : undefined
    if (call) admission.admit(request, reply, call).catch(done)
    else done()
  })
}

/** News starts nothing: the page that asks for them again and again would never let its backend stop. */
function callOf({ url = '' }: IncomingMessage, pool: Pool): Call | undefined {
  const path = normalisePath(url) ?? ''
  const [cutPrefix = '', name = ''] = DOOR.exec(path) ?? []
  const backend = pool.get(name)
  const webSockets = backend ? dialectOf(backend.config.dialect).webSockets : 'none'
  if (webSockets === 'none') return undefined
  const { lane, idleOnly, caller } = ROW
  const how = { wake: webSockets === 'work', lane, idleOnly, caller, cutPrefix }
  return {
    path,
    match: { to: { backend: name }, route: undefined, row: ROW, ...how },
    model: undefined,
  }
}

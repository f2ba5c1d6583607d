import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Lease } from '../backends/lease.js'
import type { Pool } from '../backends/pool.js'
import { GatehouseError } from '../errors.js'
import { Exchange } from './exchange.js'
import { upstreamError } from './upstream-error.js'

const PREFIX = '/gatehouse/backends/:name'
/** Lines of the hop to the backend; the plugin drops the others by itself. */
const REPLY_HOP = ['connection', 'keep-alive', 'proxy-connection']
const REQUEST_HOP = ['connection', 'expect', 'keep-alive', 'proxy-connection', 'upgrade']

/**
 * `/gatehouse/backends/NAME/*`: straight to one backend's own pages, started if it is down, past lanes and routes.
 * The options undo what the plugin does by default (proxy-duties 6): it retries, caps connections, keeps them open,
 * and names addresses in its errors.
 */
export function registerRawDoor(app: FastifyInstance, pool: Pool): void {
  const leases = new WeakMap<object, Lease>()
  const leaseOf = (request: object) => leases.get(request)
  void app.register(httpProxy, {
    upstream: '',
    prefix: PREFIX,
    rewritePrefix: '/',
    internalRewriteLocationHeader: false, // it would write the name of the parameter, not its value
    undici: { connections: null, pipelining: 0, headersTimeout: 0, bodyTimeout: 0 },
    preHandler: async (request: FastifyRequest, reply: FastifyReply) => {
      leases.set(request.raw, await lease(request, reply, pool))
    },
    replyOptions: {
      getUpstream: (request) => leaseOf(request.raw)?.origin ?? '',
      retryDelay: () => null,
      rewriteRequestHeaders: (_request, headers) => without(headers, REQUEST_HOP),
      rewriteHeaders: (headers, request) => {
        return inside(without(headers, REPLY_HOP), request?.params)
      },
      onError: (reply, { error }) => {
        const backend = leaseOf(reply.request.raw)?.config.name ?? ''
        reply.send(upstreamError(error, backend))
      },
    },
  })
}

/** The lease ends with the reply, whatever becomes of it. */
async function lease(request: FastifyRequest, reply: FastifyReply, pool: Pool): Promise<Lease> {
  const { name } = request.params as { name: string }
  const backend = pool.get(name)
  if (!backend) throw new GatehouseError('GATEHOUSE_NO_ROUTE')
  const { client, gone: signal } = new Exchange(request, reply)
  const ask = { client, signal, wake: true, lane: false, onlyIdle: false }
  const granted = await backend.lease(ask)
  reply.raw.once('close', () => granted.end())
  return granted
}

function without<Headers extends object>(headers: Headers, names: readonly string[]): Headers {
  const kept = { ...headers }
  for (const name of names) Reflect.deleteProperty(kept, name)
  return kept
}

/** A page that sends the browser to another of its paths keeps it behind this door. */
function inside<Headers extends { location?: unknown }>(
  headers: Headers,
  params: unknown,
): Headers {
  const { location } = headers
  if (typeof location !== 'string' || !/^\/(?!\/)/.test(location)) return headers
  const { name } = params as { name: string }
  return { ...headers, location: `${PREFIX.replace(':name', name)}${location}` }
}

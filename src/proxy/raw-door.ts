import { type IncomingHttpHeaders, METHODS, ServerResponse } from 'node:http'
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Dispatcher } from 'undici'
import { replyHeaders } from './raw-door-headers.js'
import { type RawDoorParts, Visit } from './raw-door-visit.js'

const DOOR = '/gatehouse/backends'
/** A proxy opens no tunnel with CONNECT, and TRACE would show its own lines to the client. */
const NOT_SERVED = new Set(['CONNECT', 'TRACE'])
const VISIT = Symbol('visit')
/** The only thing of ours that reply-from hands on to its dispatcher is the headers object. */
type TaggedHeaders = IncomingHttpHeaders & { [VISIT]?: Visit }

/**
 * `/gatehouse/backends/NAME/*`: straight to one backend's own pages, started if it is down, past lanes and routes.
 * Options and a dispatcher of ours undo what the plugin does by default (proxy-duties 6).
 */
export function registerRawDoor(app: FastifyInstance, parts: RawDoorParts): void {
  const methods = METHODS.filter((method) => !NOT_SERVED.has(method))
  const quiet = app.log.child({}, { level: 'error' })
  void app.register((scope, _options, done) => {
    const known = new Set<string>(scope.supportedMethods)
    for (const method of methods) {
      if (!known.has(method)) scope.addHttpMethod(method, { hasBody: true })
    }
    scope.setChildLoggerFactory(() => quiet) // the plugin's own lines would repeat the access log's
    // Bodies pass whatever their type, so Fastify, which refuses types that it cannot read, sees this one only.
    scope.addHook('onRequest', ({ raw }, _reply, next) => {
      raw.headers['content-type'] = 'application/octet-stream'
      next()
    })
    void scope.register(httpProxy, { ...options(parts), httpMethods: methods })
    done()
  })
}

function options(parts: RawDoorParts): FastifyHttpProxyOptions {
  const visits = new WeakMap<object, Visit>()
  const visitOf = (request: { raw: object }) => visits.get(request.raw)
  return {
    upstream: '',
    prefix: `${DOOR}/:name`,
    // The plugin would resolve the client's path as a URL: it refuses `//x` and `/..x`, and alters others.
    preRewrite: () => `${DOOR}/-/`,
    internalRewriteLocationHeader: false, // it would write the name of the parameter, not its value
    disableRequestLogging: true,
    undici: new LeasedDispatcher(),
    preHandler: async (request: FastifyRequest, reply: FastifyReply) => {
      const visit = new Visit(request, reply, parts)
      visits.set(request.raw, visit)
      await visit.enter((request.params as { name: string }).name)
    },
    replyOptions: {
      getUpstream: (request) => visitOf(request)?.lease.origin ?? '',
      retryDelay: () => null,
      rewriteRequestHeaders: (request, headers) => tagged(headers, visitOf(request)),
      rewriteHeaders: (headers, request) => {
        const visit = request && visitOf(request)
        return visit ? replyHeaders(headers, visit.at(DOOR)) : headers
      },
      onResponse: (request, reply, { stream }) => {
        // Fastify has set all lines by the time it pipes. The head leaves then, not with the first byte of the body;
        // flushHeaders would write it in UTF-8, and alter bytes above 127.
        const { raw } = reply
        if (raw instanceof ServerResponse) raw.once('pipe', () => raw.write('', 'latin1'))
        stream.once('error', () => visitOf(request)?.breakOff())
        reply.send(stream)
      },
      onError: (reply, { error }) => {
        // As reply-from does for answers: what is left of an upload is not read.
        if (!reply.request.raw.complete) reply.header('connection', 'close')
        reply.send(visitOf(reply.request)?.fail(error.cause ?? error) ?? error)
      },
    },
  }
}

/** Sends what the plugin asks for on the lease of the visit that it asks for. */
class LeasedDispatcher extends Dispatcher {
  override dispatch(
    { method, headers }: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    const visit = (headers as TaggedHeaders)[VISIT]
    if (!visit) throw new TypeError('a request that did not come through the raw door')
    visit.dispatch(method, handler)
    return true
  }
}

function tagged(headers: IncomingHttpHeaders, visit: Visit | undefined): TaggedHeaders {
  return visit ? { ...headers, [VISIT]: visit } : headers
}

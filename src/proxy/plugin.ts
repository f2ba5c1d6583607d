import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Admission, type AdmitParts } from './admit.js'
import { Exchange } from './exchange.js'
import { lineValue } from './headers.js'
import type { Voice } from './patience.js'
import { registerRawDoorSockets } from './raw-door-socket.js'
import { createHeadCheck, type HeadLimits } from './request-head.js'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Everything that is not the gateway's own endpoint belongs to the workloads; every request's head is checked. */
export function registerProxy(
  app: FastifyInstance,
  parts: AdmitParts,
  limits: HeadLimits,
): Admission {
  const admission = new Admission(parts)
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const type = lineValue(request.raw.rawHeaders, 'content-type')
    if (type !== undefined) request.raw.headers['content-type'] = type
    await admission.admit(request, reply)
    return reply
  }
  // Bodies are read by the line itself, whatever their type: SillyTavern posts JSON as text/plain, and a type that
  // Fastify cannot parse is the backend's to judge, so it is hidden from Fastify until the handler is reached.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  const checkHead = createHeadCheck(limits)
  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = request
    try {
      checkHead(raw)
    } catch (error) {
      new Exchange(request, reply).failed(error, parts.recorder)
      throw error
    }
    if (raw.url === '*') return answerForAll(parts.voice, reply)
    if (!raw.url?.startsWith('/gatehouse/')) raw.headers['content-type'] = undefined
    done()
  })
  registerRawDoorSockets(app, parts, admission)
  // Who ends only its own side of a connection still has its answer: see half-close.ts.
  Object.assign(app.server, { httpAllowHalfOpen: true })
  // Each request of a pipeline listens for the end of the connection that they share.
  app.server.on('connection', (socket) => socket.setMaxListeners(0))
  app.route({ method: METHODS, url: '/*', handler })
  app.setNotFoundHandler(handler)
  return admission
}

/** `OPTIONS *` asks what the gateway as a whole can do, and is answered like a preflight to any path. */
function answerForAll({ headers }: Voice, reply: FastifyReply): void {
  void reply.status(200).headers(headers).send('')
}

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Admission, type AdmitParts } from './admit.js'
import { lineValue } from './headers.js'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Everything that is not the gateway's own endpoint belongs to the workloads. */
export function registerProxy(app: FastifyInstance, parts: AdmitParts): void {
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
  app.addHook('onRequest', ({ raw }, _reply, done) => {
    if (!raw.url?.startsWith('/gatehouse/')) raw.headers['content-type'] = undefined
    done()
  })
  // Each request of a pipeline listens for the end of the connection that they share.
  app.server.on('connection', (socket) => socket.setMaxListeners(0))
  app.route({ method: METHODS, url: '/*', handler })
  app.setNotFoundHandler(handler)
}

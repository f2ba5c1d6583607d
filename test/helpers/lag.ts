import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Gateway } from './gateway.js'

/** Whether a reply of this gateway could not be written at once since. It looks into Node: no client knows that moment. */
export function watchForLag({ app }: Gateway): () => boolean {
  let hasLagged = false
  app.server.server.prependListener('request', (_raw: IncomingMessage, reply: ServerResponse) => {
    const write = reply.write.bind(reply)
    const watched = (...words: Parameters<typeof write>) => {
      const goesOn = write(...words)
      hasLagged ||= !goesOn
      return goesOn
    }
    reply.write = watched as typeof write
  })
  return () => hasLagged
}

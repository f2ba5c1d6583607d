import { ServerResponse } from 'node:http'
import type { Test } from 'tap'

/** Whether a reply could not be written at once since. It looks into Node: no client knows that moment. */
export function watchForLag(t: Test): () => boolean {
  let hasLagged = false
  const { write } = ServerResponse.prototype
  const watched = function (this: ServerResponse, ...words: Parameters<typeof write>) {
    const goesOn = write.apply(this, words)
    hasLagged ||= !goesOn
    return goesOn
  }
  ServerResponse.prototype.write = watched as typeof write
  t.teardown(() => {
    ServerResponse.prototype.write = write
  })
  return () => hasLagged
}

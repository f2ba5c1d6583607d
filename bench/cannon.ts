import autocannon from 'autocannon'
import type { Load } from './load.js'

const BODY = JSON.stringify({ model: 'bench', prompt: 'x'.repeat(1000) })

/** Load from autocannon, in this process. It knows latencies in whole milliseconds only. */
export function createCannon(): Load {
  return async ({ url, connections, durationS: duration }) => {
    const result = await autocannon({
      url,
      connections,
      duration,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: BODY,
    })
    return {
      requests: result.requests.total,
      seconds: result.duration,
      p50Ms: result.latency.p50,
      p99Ms: result.latency.p99,
      errors: result.errors + result.non2xx,
    }
  }
}

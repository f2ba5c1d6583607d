import { writeFileSync } from 'node:fs'
import type { Manner } from './options.js'

/** How a backend of each manner is called in routes.json. */
const DIALECTS: Record<Manner, string> = { 'keep-alive': 'openai', close: 'koboldcpp' }

/** Writes the routes.json of a gateway with the upstream as its one backend, which nobody waits for. */
export function writeGatewayConfig(file: string, upstream: string, manner: Manner): void {
  const bench = {
    serves: ['text'],
    dialect: DIALECTS[manner],
    url: upstream,
    concurrency: 0,
  }
  const routes = ['/up', '/down'].map((path) => ({ path, to: 'backend:bench', bodies: 'stream' }))
  routes.push({ path: '/collected/*', to: 'backend:bench', bodies: 'buffer' })
  const listen = { host: '127.0.0.1', bufferBytes: '64MiB' }
  writeFileSync(file, JSON.stringify({ listen, backends: { bench }, routes }))
}

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { Pool } from '../../src/backends/pool.js'
import { Gatherer } from '../../src/front/gather.js'
import { Live } from '../../src/front/live.js'
import { look } from '../../src/front/look.js'
import { Registry } from '../../src/front/registry.js'
import { RegistryFile } from '../../src/front/registry-file.js'
import { backendConfig } from '../helpers/backend.js'
import { until } from '../helpers/until.js'

/** Far more than the few milliseconds that an answer waits, far less than the seconds that a backend may take. */
const SOON_MS = 1_000

/** A backend that somebody else runs, which the test lets answer when it likes. */
async function scene(t: Test) {
  const asked: { readonly path: string; readonly reply: ServerResponse }[] = []
  let answers: Readonly<Record<string, unknown>> | undefined
  const server = createServer((request, reply) => {
    const path = request.url ?? ''
    if (!answers) return void asked.push({ path, reply })
    asked.push({ path, reply })
    reply.writeHead(path in answers ? 200 : 404).end(JSON.stringify(answers[path] ?? {}))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const config = backendConfig({ dialect: 'koboldcpp', process: undefined, url })
  const backend = { config, readyUrl: url }
  let isThere = true
  const status = { name: 'text', state: 'ready', launcher: 'external' }
  const pool = {
    get: () => (isThere ? backend : undefined),
    statuses: () => [status],
  } as unknown as Pool
  const log = { warn: () => t.fail('nothing is wrong') } as never
  const file = `${t.testdir({})}/answers.json`
  const registry = new Registry(new RegistryFile(file, log))
  const gatherer = new Gatherer({ registry, pool: () => pool })
  const say = (all: Readonly<Record<string, unknown>>) => {
    answers = all
  }
  const end = () => {
    isThere = false
  }
  return { asked, backend, pool, say, end, registry, gatherer, live: new Live(pool) }
}

t.test('an answer that is late is not waited for, and there for the next one', async (t) => {
  const { asked, live } = await scene(t)
  const begun = performance.now()
  t.equal(await live.ask('text', '/props'), undefined)
  t.equal(await live.ask('text', '/props'), undefined)
  t.ok(performance.now() - begun < SOON_MS)
  await until('it is asked', () => asked.length > 0)
  t.equal(asked.length, 1, 'nobody is asked the same twice at once')
  asked[0]?.reply.end('{"n_ctx":1}')
  await until('it is known', async () => (await live.ask('text', '/props')) !== undefined)
  t.same(await live.ask('text', '/props'), { n_ctx: 1 })
})

t.test('what a backend said is forgotten when it ends', async (t) => {
  const { say, end, live } = await scene(t)
  say({ '/props': 1 })
  await until('it is known', async () => (await live.ask('text', '/props')) === 1)
  end()
  t.equal(await live.ask('text', '/props'), undefined)
})

t.test('a look has limits of time and size', async (t) => {
  const { say, pool, asked } = await scene(t)
  t.equal(await look(pool, 'text', { path: '/x', ms: 20 }), undefined)
  t.equal(asked[0]?.reply.req.headers['user-agent'], 'gatehouse')
  say({ '/x': 'a'.repeat(100) })
  t.equal(await look(pool, 'text', { path: '/x', ms: 5_000, maxBytes: 50 }), undefined)
  t.match(await look(pool, 'text', { path: '/x', ms: 5_000, maxBytes: 500 }), { status: 200 })
})

t.test('a backend that becomes ready is asked one question after the other', async (t) => {
  const { asked, gatherer, registry, backend } = await scene(t)
  const move = { backend: 'text', from: 'starting', pid: 1, reason: '' } as const
  gatherer.moved({ ...move, to: 'stopping' })
  gatherer.moved({ ...move, to: 'ready' })
  const answers: Readonly<Record<string, string>> = {
    '/api/extra/version': '{"result":"KoboldCpp","vision":true}',
    '/api/v1/model': '{"result":"inactive"}',
    '/props': '{"n_ctx":1}',
  }
  const paths: string[] = []
  while (!paths.includes('/api/extra/preloadstory')) {
    await until('it is asked', () => asked.length > 0)
    t.equal(asked.length, 1)
    const { path = '', reply } = asked.shift() ?? {}
    paths.push(path)
    reply?.end(answers[path] ?? 'no JSON')
  }
  await until('it is kept', () => registry.get(backend.config, '/props') !== undefined)
  t.same(registry.get(backend.config, '/api/extra/version'), { result: 'KoboldCpp', vision: true })
  t.equal(registry.get(backend.config, '/api/v1/model'), undefined, 'it said that it has none')
  gatherer.freshen()
  await gatherer.close()
  t.same(asked, [], 'what is fresh is not asked again')
})

t.test('what answers like no KoboldCpp is asked nothing else', async (t) => {
  const { asked, gatherer, say } = await scene(t)
  say({ '/api/extra/version': { result: 'Other' } })
  gatherer.freshen()
  await until('it is asked', () => asked.length > 0)
  await gatherer.close()
  t.equal(asked.length, 1)
})

t.test('closing does not wait for a backend that does not answer', async (t) => {
  const { asked, gatherer } = await scene(t)
  gatherer.freshen()
  await until('it is asked', () => asked.length > 0)
  const begun = performance.now()
  await gatherer.close()
  t.ok(performance.now() - begun < SOON_MS)
})

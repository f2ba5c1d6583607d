import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config/load.js'
import { external, type Gateway, startGateway } from '../helpers/gateway.js'
import { startUpstream } from '../helpers/upstream.js'

const OK = 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}'

async function startTwo(t: Test, routes: object) {
  const says = () => startUpstream(t, ({ socket }) => void socket.end(OK))
  const [small, large] = await Promise.all([says(), says()])
  const backends = {
    small: external(small.url),
    eyes: external(large.url, { serves: ['image'] }),
    large: external(large.url),
  }
  const gateway = await startGateway(t, { backends, ...routes })
  const post = (path: string, body: string) => fetch(gateway.url + path, { method: 'POST', body })
  return {
    ...{ gateway, backends, post },
    get: async (path: string) => (await fetch(gateway.url + path)).json() as Promise<unknown>,
    switchTo: async (filename: unknown, path = '/api/admin/reload_config') =>
      (await post(path, JSON.stringify({ filename }))).json() as Promise<unknown>,
    answering: async (body: object = {}) =>
      (await post('/api/v1/generate', JSON.stringify(body))).headers.get('x-gatehouse-backend'),
    /** What of administration reached a backend. */
    asked: () => [...small.received, ...large.received].filter(({ path }) => /admin/.test(path)),
  }
}

const ALLOWED = { admin: { switchTextModel: true } }

t.test('the admin panel lists the text backends and switches the default one', async (t) => {
  const { get, switchTo, answering, asked } = await startTwo(t, ALLOWED)
  t.match(await get('/api/extra/version'), { admin: 1 })
  t.same(await get('/api/admin/list_options'), ['small', 'large'])
  t.equal(await answering(), 'small')
  t.same(await switchTo('large'), { success: true })
  t.equal(await answering(), 'large')
  t.equal(await answering({ model: 'gpt-4o' }), 'large', 'an unknown name asks for none')
  t.equal(await answering({ model: 'small' }), 'small', 'whoever names one gets that')
  t.match(await get('/v1/models'), { data: [{ id: 'koboldcpp/large' }, { id: 'koboldcpp/small' }] })
  t.same(await switchTo('small', '/lcpp/any/api/admin/reload_config/'), { success: true })
  t.equal(await answering(), 'small')
  t.same(asked(), [], 'and nothing of it reaches a backend')
})

t.test('what is no text backend is not switched to', async (t) => {
  const { switchTo, answering, post } = await startTwo(t, ALLOWED)
  for (const name of ['eyes', 'nobody', 'SMALL', '', null, 7, '__proto__', 'unload_model'])
    t.same(await switchTo(name), { success: false }, String(name))
  for (const body of ['', '{', '[]', 'null', '"large"', '{"file":"large"}']) {
    const reply = await post('/api/admin/reload_config', body)
    t.same([reply.status, await reply.json()], [200, { success: false }], body)
  }
  t.equal(await answering(), 'small')
})

t.test('everything else of administration is nowhere, allowed or not', async (t) => {
  for (const routes of [ALLOWED, {}]) {
    const { gateway, asked } = await startTwo(t, routes)
    const paths = ['check_state', 'save_state', 'x', 'reload_config/x', 'list_options/x']
    for (const path of paths) t.equal(await status(gateway, 'POST', path), 404, path)
    t.equal(await status(gateway, 'GET', 'reload_config'), 404)
    t.equal(await status(gateway, 'POST', 'list_options'), 404)
    t.same(asked(), [])
  }
})

t.test('without leave nothing is listed, and nothing is switched', async (t) => {
  const { gateway, get, answering, post } = await startTwo(t, {})
  t.match(await get('/api/extra/version'), { admin: 0 })
  t.same(await get('/api/admin/list_options'), [])
  t.equal((await post('/api/admin/reload_config', '{"filename":"large"}')).status, 404)
  t.equal(await answering(), 'small')
  t.equal(await status(gateway, 'GET', 'list_options'), 200)
})

t.test(
  'the choice outlives a change of routes.json, unless that takes its backend away',
  async (t) => {
    const { gateway, backends, switchTo, answering } = await startTwo(t, ALLOWED)
    const apply = (next: object) => {
      const file = join(gateway.folder, 'routes.json')
      writeFileSync(file, JSON.stringify(next))
      gateway.app.apply(loadConfig(file, {}))
    }
    await switchTo('large')
    apply({ ...ALLOWED, backends: { ...backends, large: { ...backends.large, queueLimit: 2 } } })
    t.equal(await answering(), 'large')
    const { small, eyes } = backends
    apply({ ...ALLOWED, backends: { small, eyes } })
    t.equal(await answering(), 'small')
  },
)

async function status(gateway: Gateway, method: string, call: string): Promise<number> {
  const reply = await fetch(`${gateway.url}/api/admin/${call}`, { method })
  await reply.arrayBuffer()
  return reply.status
}

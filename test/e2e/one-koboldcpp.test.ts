import t from 'tap'
import { sample, startGateway } from '../helpers/gateway.js'

t.test(
  'a user interface that connects sees every configured workload, and starts none',
  async (t) => {
    const gateway = await startGateway(t, {
      backends: { llm: { ...sample('text') }, image: sample('image'), ears: sample('transcribe') },
      routes: [{ path: '/api/*', to: 'text' }],
    })
    const get = async (path: string) => (await fetch(gateway.url + path)).json()
    t.match(await get('/api/extra/version'), {
      result: 'KoboldCpp',
      llm: true,
      txt2img: true,
      transcribe: true,
      tts: false,
      protected: false,
      admin: 0,
    })
    t.same(await get('/api/v1/model'), { result: 'koboldcpp/llm' })
    t.same(await get('/api/v1/info/version'), { result: '1.2.5' })
    t.match(await get('/v1/models'), { object: 'list', data: [{ id: 'koboldcpp/llm' }] })
    t.match(await get('/sdapi/v1/options'), { sd_model_checkpoint: 'image' })
    t.match(await get('/sdapi/v1/sd-models'), [{ model_name: 'image', filename: 'image' }])
    t.same(await get('/sdapi/v1/samplers'), [])
    t.match(await get('/lcpp/v1/models/'), { data: [{ id: 'koboldcpp/llm' }] })
    t.same(gateway.moves, [], 'nothing was started')
  },
)

t.test('a gateway without a text backend says so, as KoboldCpp does', async (t) => {
  const gateway = await startGateway(t, { backends: { image: sample('image') } })
  const get = async (path: string) => (await fetch(gateway.url + path)).json()
  t.match(await get('/api/extra/version'), { llm: false, txt2img: true })
  t.same(await get('/api/v1/model'), { result: 'inactive' })
})

t.test('a meta call is answered by its backend once that runs', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text', ['--name', 'own-name']) },
  })
  t.equal((await fetch(`${gateway.url}/api/extra/true_max_context_length`)).status, 503)
  t.same(gateway.moves, [])
  await fetch(`${gateway.url}/api/v1/generate`, { method: 'POST', body: '{"max_length":1}' })
  const context = await (await fetch(`${gateway.url}/api/extra/true_max_context_length`)).json()
  t.same(context, { value: 8192 })
  const model = await (await fetch(`${gateway.url}/api/v1/model`)).json()
  t.same(model, { result: 'koboldcpp/own-name' })
})

t.test('token counts never start a backend, and never wait for one that is busy', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text', ['--token-interval', '100']) },
  })
  const count = () =>
    fetch(`${gateway.url}/api/extra/tokencount`, { method: 'POST', body: '{"prompt":"one two"}' })
  t.equal((await count()).status, 503)
  t.same(gateway.moves, [])
  const stream = await fetch(`${gateway.url}/api/extra/generate/stream`, {
    method: 'POST',
    body: '{"prompt":"Call me","max_length":2000}',
  })
  t.equal((await count()).status, 200, 'in the middle of a generation')
  await stream.body?.cancel()
})

t.test('administration and shutdown reach nobody', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text') },
    routes: [{ path: '/*', to: 'backend:llm' }],
  })
  const post = (path: string) => fetch(gateway.url + path, { method: 'POST', body: '{}' })
  const shutdown = await post('/api/extra/shutdown')
  t.same(await shutdown.json(), { success: false })
  t.equal((await post('/api/admin/reload_config')).status, 404)
  t.equal((await post('/api/admi%6e/reload_config')).status, 404)
  t.same(gateway.moves, [])
})

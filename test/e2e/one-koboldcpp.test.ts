import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { TABLE } from '../../src/routing/table.js'
import { type Gateway, sample, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/until.js'

const ALL = {
  llm: sample('text', ['--name', 'own-name']),
  second: sample('text', ['--name', 'second-name']),
  art: sample('image', ['--name', 'own-art']),
  ears: sample('transcribe'),
  voice: sample('speech'),
}

/** Every path of the table that is answered from what is known. */
const META = TABLE.filter(({ to }) => to.gateway === 'meta').flatMap(({ id, methods, patterns }) =>
  patterns.map((pattern) => [methods[0] ?? 'GET', pattern.replace('*', ''), id] as const),
)

function getter({ url }: Gateway) {
  return async (path: string) => (await fetch(url + path)).json() as Promise<unknown>
}

async function allAnswers(gateway: Gateway): Promise<Record<string, unknown>> {
  const answers = META.map(async ([method, path]) => {
    const body = method === 'POST' ? '{"model":"koboldcpp/second:latest"}' : undefined
    const reply = await fetch(gateway.url + path, { method, ...(body && { body }) })
    return [path, { status: reply.status, said: await reply.json() }] as const
  })
  return Object.fromEntries(await Promise.all(answers))
}

const post = (gateway: Gateway, path: string, body = '{"prompt":"It was","max_length":1}') =>
  fetch(gateway.url + path, { method: 'POST', body })

/** Resolves when this, which a backend is asked last, is on disk. */
async function heard(gateway: Gateway, backend: string, path: string): Promise<void> {
  const file = join(gateway.stateDir, 'answers.json')
  await until(`${backend} has answered ${path}`, () => {
    try {
      return JSON.parse(readFileSync(file, 'utf8')).backends[backend]?.answers[path] !== undefined
    } catch {
      return false // not written yet
    }
  })
}

t.test('a user interface that connects sees every workload, and starts none', async (t) => {
  const routes = [{ path: '/api/*', to: 'text' }]
  const gateway = await startGateway(t, { backends: ALL, routes })
  const get = getter(gateway)
  t.match(await get('/api/extra/version'), {
    ...{ result: 'KoboldCpp', llm: true, txt2img: true, transcribe: true, tts: true },
    ...{ embeddings: false, protected: false, admin: 0, router: false },
  })
  t.same(await get('/api/v1/model'), { result: 'koboldcpp/llm' })
  t.match(await get('/v1/models'), { data: [{ id: 'koboldcpp/llm' }, { id: 'koboldcpp/second' }] })
  t.match(await get('/lcpp/v1/models/'), { data: [{ id: 'koboldcpp/llm' }] })
  t.match(await get('/sdapi/v1/options'), { sd_model_checkpoint: 'art' })
  t.match(await get('/sdapi/v1/sd-models'), [{ model_name: 'art', filename: 'art' }])
  t.match(await get('/sdapi/v1/samplers'), [{ name: 'Euler' }])
  t.match(await get('/api/extra/true_max_context_length'), { value: 4096 })
  t.match(await get('/props'), { chat_template: '', modalities: { vision: false } })
  t.same(await get('/api/extra/preloadstory'), {})
  t.same(gateway.moves, [], 'nothing was started')
})

/** What is right to answer otherwise than with 200. */
const STATUSES: Readonly<Record<string, number>> = { '/slots': 501 }

t.test('no meta call is left without an answer while all is down', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const answers = await allAnswers(gateway)
  for (const [path, answer] of Object.entries(answers)) {
    t.match(answer, { status: STATUSES[path] ?? 200 }, path)
  }
  t.same(gateway.moves, [], 'nothing was started')
})

t.test('a gateway without any backend answers as a KoboldCpp without models', async (t) => {
  const gateway = await startGateway(t, { backends: {} })
  const statuses = { ...STATUSES, '/api/show': 404 }
  for (const [path, answer] of Object.entries(await allAnswers(gateway))) {
    t.match(answer, { status: statuses[path as keyof typeof statuses] ?? 200 }, path)
  }
})

t.test('a gateway without a text backend says so, as KoboldCpp does', async (t) => {
  const gateway = await startGateway(t, { backends: { art: sample('image') } })
  const get = getter(gateway)
  t.match(await get('/api/extra/version'), { llm: false, txt2img: true, tts: false })
  t.same(await get('/api/v1/model'), { result: 'inactive' })
  t.same(await get('/v1/models'), { object: 'list', data: [] })
  t.same(await get('/speakers_list'), [], 'nobody invents voices')
})

t.test('what was heard once is known when all is down again, also to a next gateway', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const get = getter(gateway)
  await Promise.all([
    post(gateway, '/api/v1/generate'),
    post(gateway, '/v1/completions', '{"model":"second","max_tokens":1}'),
    post(gateway, '/sdapi/v1/txt2img', '{"prompt":"a","width":64,"height":64}'),
    post(gateway, '/v1/audio/speech', '{"input":"Hi"}'),
  ])
  await heard(gateway, 'llm', '/api/extra/preloadstory')
  await heard(gateway, 'second', '/api/extra/preloadstory')
  await heard(gateway, 'art', '/sdapi/v1/latent-upscale-modes')
  await heard(gateway, 'voice', '/v1/audio/voices')
  t.same(await get('/api/v1/model'), { result: 'koboldcpp/own-name' })
  t.same(await get('/api/extra/true_max_context_length'), { value: 8192 })
  t.match(await get('/props'), { chat_template: /messages/, model_path: 'own-name.gguf' })
  t.match(await get('/sdapi/v1/sd-models'), [{ title: 'own-art', filename: 'own-art.safetensors' }])
  await until('all have told what they did', async () => {
    const perf = (await get('/api/extra/perf')) as Record<string, number>
    return perf.total_gens === 2 && perf.total_img_gens === 1 && perf.total_tts_gens === 1
  })
  const before = await allAnswers(gateway)
  await gateway.app.close()
  const next = await startGateway(t, { backends: ALL }, { folder: gateway.folder })
  const after = await allAnswers(next)
  for (const path of Object.keys(before)) {
    if (!path.endsWith('perf')) t.same(after[path], before[path], path)
  }
  t.notMatch(JSON.stringify(after), /srv.models/, 'no folder is told')
  t.match(after['/api/show'], { said: { modelfile: 'FROM second' } })
  t.match(await getter(next)('/api/extra/perf'), { total_gens: 0, idle: 1, queue: 0 })
  t.same(next.moves, [], 'nothing was started')
})

t.test('asking keeps no backend from being idle', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: { ...sample('text'), idleTimeout: '300ms' } },
  })
  await post(gateway, '/api/v1/generate')
  const isUp = () => gateway.app.pool.statuses()[0]?.state === 'ready'
  const get = getter(gateway)
  while (isUp()) await Promise.all([get('/props'), get('/api/extra/perf'), get('/v1/models')])
  t.match(gateway.moves.at(-1), { reason: 'idle' })
})

t.test('what a backend says of its work is told while it works', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text', ['--token-interval', '100']) },
  })
  const stream = await post(gateway, '/api/extra/generate/stream', '{"max_length":2000}')
  await until('it is said to be busy', async () => {
    const perf = (await getter(gateway)('/api/extra/perf')) as { idle: number }
    return perf.idle === 0
  })
  const waiting = post(gateway, '/api/v1/generate')
  await until('one waits', () => gateway.app.pool.statuses()[0]?.waiting === 1)
  t.match(await getter(gateway)('/api/extra/perf'), { queue: 1, idle: 0 })
  await stream.body?.cancel()
  t.equal((await waiting).status, 200)
})

t.test('token counts never start a backend, and never wait for one that is busy', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text', ['--token-interval', '100']) },
  })
  const count = () => post(gateway, '/api/extra/tokencount', '{"prompt":"one two"}')
  t.equal((await count()).status, 503)
  t.same(gateway.moves, [])
  const stream = await post(gateway, '/api/extra/generate/stream', '{"max_length":2000}')
  t.equal((await count()).status, 200, 'in the middle of a generation')
  await stream.body?.cancel()
})

t.test('administration and shutdown reach nobody', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text') },
    routes: [{ path: '/*', to: 'backend:llm' }],
  })
  const shutdown = await post(gateway, '/api/extra/shutdown', '{}')
  t.same(await shutdown.json(), { success: false })
  t.equal((await post(gateway, '/api/admin/reload_config', '{}')).status, 404)
  t.equal((await post(gateway, '/api/admi%6e/reload_config', '{}')).status, 404)
  t.same(gateway.moves, [])
})

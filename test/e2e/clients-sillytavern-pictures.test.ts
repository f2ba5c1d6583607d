import t from 'tap'
import { basic, clientAt, shows, startedBy, workflowOf } from '../helpers/clients.js'
import { sample, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/until.js'

/** They wait more than they work. */
t.jobs = 3

const PICTURE_MS = 150
const art = (name: string, ms = PICTURE_MS) =>
  sample('image', ['--name', name, '--image-time', String(ms)])
const ALL = { llm: sample('text'), art: art('own-art'), ears: sample('transcribe') }
const RED = { prompt: 'a red fox', width: 64, height: 64, steps: 4, cfg_scale: 7 }

interface Drawn {
  readonly images: readonly [string]
}
interface Progress {
  readonly progress: number
  readonly state: { readonly job_count: number }
}

t.test('SillyTavern, SD WebUI images: it connects, lists, draws and interrupts', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const tavern = clientAt(gateway.url, basic())
  t.equal((await tavern.get('/sdapi/v1/options')).status, 200, 'its ping')
  const models = (await tavern.get('/sdapi/v1/sd-models')).json<{ title: string }[]>()
  t.equal(models.length, 1)
  const lists = ['samplers', 'schedulers', 'upscalers', 'latent-upscale-modes']
  for (const list of [...lists, 'sd-vae', 'sd-modules']) {
    const reply = await tavern.get(`/sdapi/v1/${list}`)
    t.equal(reply.status, 200, list)
    t.ok(Array.isArray(reply.json()), list)
  }
  const samplers = (await tavern.get('/sdapi/v1/samplers')).json<{ name: string }[]>()
  t.ok(samplers.some(({ name }) => name === 'Euler'))
  t.same(gateway.moves, [], 'looking starts nothing')

  t.match((await tavern.get('/sdapi/v1/options')).json(), { sd_model_checkpoint: models[0]?.title })
  const drawing = tavern.post('/sdapi/v1/txt2img', { ...RED, sampler_name: 'Euler' })
  await until('it draws', () => gateway.app.pool.get('art')?.status().inFlight === 1)
  const begun = performance.now()
  t.equal((await tavern.post('/sdapi/v1/interrupt')).status, 200)
  t.ok(performance.now() - begun < 1_000, 'it is answered while the picture is made')
  const { images } = (await drawing).json<Drawn>()
  t.ok(shows(images[0], 'a red fox'), 'a KoboldCpp cannot leave off')
  t.same(startedBy(gateway), ['art'], 'only what draws was started for it')
})

t.test('SillyTavern, SD WebUI images: a model is chosen, and progress tells when', async (t) => {
  const gateway = await startGateway(t, { backends: { first: art('one'), second: art('two') } })
  const tavern = clientAt(gateway.url, basic('user:password'))
  const models = (await tavern.get('/sdapi/v1/sd-models')).json<{ title: string }[]>()
  t.same(
    models.map(({ title }) => title),
    ['first', 'second'],
  )
  const chosen = await tavern.post('/sdapi/v1/options', { sd_model_checkpoint: 'second' })
  t.equal(chosen.status, 200)
  const progress = async () => (await tavern.get('/sdapi/v1/progress')).json<Progress>()
  t.match(await progress(), { progress: 0, state: { job_count: 0 } }, 'it need not wait')
  t.match((await tavern.get('/sdapi/v1/options')).json(), { sd_model_checkpoint: 'second' })
  t.same(gateway.moves, [], 'choosing starts nothing')
  const drawing = tavern.post('/sdapi/v1/txt2img', RED)
  await until('progress tells of it', async () => (await progress()).state.job_count === 1)
  const drawn = await drawing
  t.ok(shows(drawn.json<Drawn>().images[0], 'a red fox'))
  t.equal(drawn.headers.get('x-gatehouse-backend'), 'second')
  t.match(await progress(), { progress: 0, state: { job_count: 0 } })
  t.same(startedBy(gateway), ['second'])
})

interface Nodes {
  readonly [node: string]: { readonly input: { readonly required: Readonly<Record<string, Menu>> } }
}
type Menu = readonly [readonly unknown[]]

t.test('SillyTavern, ComfyUI: it connects, draws, and fetches the picture', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const tavern = clientAt(gateway.url)
  t.equal((await tavern.get('/system_stats')).status, 200, 'its ping')
  const nodes = (await tavern.get('/object_info')).json<Nodes>()
  const menus = {
    CheckpointLoaderSimple: 'ckpt_name',
    UNETLoader: 'unet_name',
    VAELoader: 'vae_name',
  }
  for (const [node, field] of Object.entries(menus)) {
    t.ok(Array.isArray(nodes[node]?.input.required[field]?.[0]), node)
  }
  t.same(nodes.CheckpointLoaderSimple?.input.required.ckpt_name?.[0].length, 1, 'a model to take')
  for (const field of ['sampler_name', 'scheduler']) {
    const menu = nodes.KSampler?.input.required[field]?.[0] ?? []
    t.ok(menu.length > 0 && menu.every((name) => typeof name === 'string'), field)
  }
  t.same(gateway.moves, [], 'looking starts nothing')

  const prompt = { prompt: workflowOf('a red fox') }
  const { prompt_id: id } = (await tavern.post('/prompt', prompt)).json<{ prompt_id: string }>()
  const history = async () => (await tavern.get('/history')).json<History>()
  await until('it is in the history', async () => id in (await history()))
  const item = (await history())[id]
  t.equal(item?.status.status_str, 'success')
  const [image] = Object.values(item?.outputs ?? {}).flatMap(({ images }) => images)
  const query = new URLSearchParams({ ...image })
  t.ok(shows((await tavern.get(`/view?${query}`)).bytes, 'a red fox'))
  t.same(startedBy(gateway), ['art'])
  t.equal((await tavern.post('/interrupt')).status, 200, 'with nothing to stop')
})

interface History {
  readonly [id: string]: {
    readonly status: { readonly status_str: string }
    readonly outputs: Readonly<Record<string, { readonly images: readonly Lines[] }>>
  }
}
type Lines = Readonly<Record<string, string>>

t.test('SillyTavern, ComfyUI: Stop ends the prompt, so that it need not wait for it', async (t) => {
  const gateway = await startGateway(t, { backends: { art: art('own-art', 1_000) } })
  const tavern = clientAt(gateway.url)
  const order = await tavern.post('/prompt', { prompt: workflowOf('a red fox') })
  const { prompt_id: id } = order.json<{ prompt_id: string }>()
  t.equal((await tavern.post('/interrupt')).status, 200)
  const history = (await tavern.get('/history')).json<History>()
  t.match(history[id], { status: { status_str: 'error' } }, 'it is over, without a picture')
})

t.test('SillyTavern, DrawThings: it knocks and draws', async (t) => {
  const gateway = await startGateway(t, { backends: ALL })
  const tavern = clientAt(gateway.url, basic())
  t.equal((await tavern.call('HEAD', '/')).status, 200)
  t.equal((await tavern.get('/')).status, 200)
  t.same(gateway.moves, [])
  const { images } = (await tavern.post('/sdapi/v1/txt2img', RED)).json<Drawn>()
  t.ok(shows(images[0], 'a red fox'))
  t.same(startedBy(gateway), ['art'])
})

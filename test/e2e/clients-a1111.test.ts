import t from 'tap'
import { basic, bearer, type Client, clientAt, startedBy } from '../helpers/clients.js'
import { external, sample, startGateway } from '../helpers/gateway.js'
import { type Asked, startOther } from '../helpers/other-server.js'
import { until } from '../helpers/until.js'

/** They wait more than they work. */
t.jobs = 3

const PNG = 'iVBORw0KGgo='
const RED = { prompt: 'a red fox', width: 64, height: 64, steps: 4 }
const model = (name: string) => ({
  ...{ title: `${name}.safetensors [abcd]`, model_name: name, hash: 'abcd', sha256: null },
  filename: `/srv/models/${name}.safetensors`,
})

/** What AUTOMATIC1111 answers; it has two models, of which one is in use. */
function a1111() {
  let inUse = 'dreams.safetensors [abcd]'
  return {
    'GET /sdapi/v1/options': () => ({ samples_format: 'png', sd_model_checkpoint: inUse }),
    'POST /sdapi/v1/options': (asked: Asked) => {
      inUse = asked.json<{ sd_model_checkpoint?: string }>().sd_model_checkpoint ?? inUse
      return {}
    },
    'GET /sdapi/v1/sd-models': [model('dreams'), model('photos')],
    'GET /sdapi/v1/samplers': [{ name: 'UniPC', aliases: [], options: {} }],
    'GET /sdapi/v1/schedulers': [{ name: 'karras', label: 'Karras' }],
    'GET /sdapi/v1/upscalers': [{ name: 'Lanczos' }],
    'GET /sdapi/v1/latent-upscale-modes': [{ name: 'Latent' }],
    'GET /sdapi/v1/sd-vae': [{ model_name: 'own.vae', filename: '/srv/models/own.vae' }],
    'GET /sdapi/v1/sd-modules': [{ model_name: 'own.module', filename: '/srv/own.module' }],
    'GET /sdapi/v1/progress': { progress: 0.25, state: { job_count: 1 } },
    'POST /sdapi/v1/interrupt': {},
    'POST /sdapi/v1/txt2img': { images: [PNG], parameters: {}, info: '{}' },
    'POST /sdapi/v1/img2img': { images: [PNG], parameters: {}, info: '{}' },
  }
}

/** What stable-diffusion.cpp's server answers: pictures in both dialects, few lists. */
const SD_CPP = {
  'GET /sdapi/v1/options': { samples_format: 'png', sd_model_checkpoint: 'model' },
  'GET /sdapi/v1/sd-models': [{ ...model('model'), title: 'model' }],
  'GET /sdapi/v1/samplers': [{ name: 'euler', aliases: [], options: {} }],
  'POST /sdapi/v1/txt2img': { images: [PNG], parameters: {}, info: '{}' },
  'POST /v1/images/generations': { data: [{ b64_json: PNG }] },
}

async function stage(t: Test, script: object) {
  const art = await startOther(t, { ...script })
  const gateway = await startGateway(t, {
    backends: {
      llm: sample('text'),
      art: external(art.url, { dialect: 'a1111', bodies: 'buffer', serves: ['image'] }),
    },
  })
  const tavern = clientAt(gateway.url, basic())
  await tavern.get('/sdapi/v1/options') // so that somebody looks
  await until('its lists are known', () => art.looked.includes('/sdapi/v1/sd-vae'))
  return { gateway, art, tavern }
}
type Test = Parameters<typeof startGateway>[0]

const titles = async (client: Client) =>
  (await client.get('/sdapi/v1/sd-models')).json<{ title: string }[]>().map(({ title }) => title)

t.test('SillyTavern, SD WebUI images, with AUTOMATIC1111 behind: its own lists', async (t) => {
  const { gateway, tavern } = await stage(t, a1111())
  t.match((await tavern.get('/sdapi/v1/samplers')).json(), [{ name: 'UniPC' }])
  t.match((await tavern.get('/sdapi/v1/schedulers')).json(), [{ name: 'karras' }])
  t.match((await tavern.get('/sdapi/v1/upscalers')).json(), [{ name: 'Lanczos' }])
  t.match((await tavern.get('/sdapi/v1/latent-upscale-modes')).json(), [{ name: 'Latent' }])
  t.match((await tavern.get('/sdapi/v1/sd-vae')).json(), [{ model_name: 'own.vae' }])
  t.match((await tavern.get('/sdapi/v1/sd-modules')).json(), [{ model_name: 'own.module' }])
  t.match((await tavern.get('/sdapi/v1/options')).json(), { sd_model_checkpoint: /^dreams/ })
  t.notOk(startedBy(gateway).includes('llm'), 'and the text backend was left alone')
})

t.test('AUTOMATIC1111 behind: all of its models are there to choose from', async (t) => {
  const { tavern } = await stage(t, a1111())
  t.same(await titles(tavern), ['dreams.safetensors [abcd]', 'photos.safetensors [abcd]'])
})

t.test('AUTOMATIC1111 behind: model, picture, progress and stop are its own', async (t) => {
  const { art, tavern } = await stage(t, a1111())
  const choice = { sd_model_checkpoint: 'photos.safetensors [abcd]' }
  t.equal((await tavern.post('/sdapi/v1/options', choice)).status, 200)
  t.match((await tavern.post('/sdapi/v1/txt2img', RED)).json(), { images: [PNG] })
  t.match((await tavern.post('/sdapi/v1/img2img', RED)).json(), { images: [PNG] })
  t.match((await tavern.get('/sdapi/v1/progress')).json(), { progress: 0.25 })
  t.equal((await tavern.post('/sdapi/v1/interrupt')).status, 200)
  const paths = ['options', 'txt2img', 'img2img', 'interrupt']
  t.same(
    art.calls('POST'),
    paths.map((path) => `POST /sdapi/v1/${path}`),
  )
  const [chosen, drawn] = art.asked.filter(({ method }) => method === 'POST')
  t.same(chosen?.json(), choice)
  t.same(drawn?.json(), RED)
  t.ok(art.calls('GET').includes('GET /sdapi/v1/progress'))
})

t.test('AUTOMATIC1111 behind: the model that was chosen is shown as the one in use', async (t) => {
  const { tavern, art } = await stage(t, a1111())
  await tavern.post('/sdapi/v1/txt2img', RED)
  const rounds = () => art.looked.filter((path) => path === '/sdapi/v1/sd-vae').length
  await until('it was looked at again, as it is in use now', () => rounds() === 2)
  const choice = { sd_model_checkpoint: 'photos.safetensors [abcd]' }
  await tavern.post('/sdapi/v1/options', choice)
  t.match((await tavern.get('/sdapi/v1/options')).json(), choice)
})

t.test('KoboldAI Lite, RisuAI and Agnai draw with AUTOMATIC1111 behind', async (t) => {
  const { gateway, art } = await stage(t, a1111())
  const client = clientAt(gateway.url)
  const [entry] = (await client.get('/sdapi/v1/sd-models')).json<{ filename: string }[]>()
  t.equal(entry?.filename, 'dreams.safetensors', 'what switches pictures on, and no path')
  t.match((await client.post('/sdapi/v1/txt2img', RED)).json(), { images: [PNG] })
  t.same(art.calls('POST'), ['POST /sdapi/v1/txt2img'])
})

t.test('stable-diffusion.cpp behind: pictures over A1111 and over OpenAI', async (t) => {
  const { gateway, art, tavern } = await stage(t, SD_CPP)
  t.match((await tavern.get('/sdapi/v1/samplers')).json(), [{ name: 'euler' }])
  t.match((await tavern.post('/sdapi/v1/txt2img', RED)).json(), { images: [PNG] })
  const webui = clientAt(`${gateway.url}/v1`, bearer('sk-any'))
  const asked = { model: 'dall-e-2', prompt: 'a red fox', n: 1, size: '64x64' }
  const reply = await webui.post('/images/generations', asked)
  t.match(reply.json(), { data: [{ b64_json: PNG }] })
  t.same(art.calls('POST'), ['POST /sdapi/v1/txt2img', 'POST /v1/images/generations'])
  t.same(art.asked.at(-1)?.json(), asked)
})

t.test('stable-diffusion.cpp behind: a call that it lacks is answered at once', async (t) => {
  const { tavern } = await stage(t, SD_CPP)
  for (const list of ['schedulers', 'upscalers', 'latent-upscale-modes', 'loras']) {
    t.equal((await tavern.get(`/sdapi/v1/${list}`)).status, 200, `${list}, by the gateway`)
  }
  for (const list of ['sd-vae', 'sd-modules', 'progress']) {
    t.equal((await tavern.get(`/sdapi/v1/${list}`)).status, 404, `${list}, by itself`)
  }
  t.equal((await tavern.post('/sdapi/v1/interrupt')).status, 404)
})

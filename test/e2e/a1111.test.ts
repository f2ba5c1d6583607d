import t from 'tap'
import { external, type Gateway, sample, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/until.js'
import { startUpstream } from '../helpers/upstream.js'

const BASIC = { authorization: 'Basic OnB3' }

/** A client of AUTOMATIC1111's API at this gateway. */
function a1111(gateway: Gateway, headers: Record<string, string> = BASIC) {
  const at = (path: string) => `${gateway.url}/sdapi/v1/${path}`
  return {
    // biome-ignore lint/suspicious/noExplicitAny: tests look into many shapes of JSON
    get: async (path: string): Promise<any> => (await fetch(at(path), { headers })).json(),
    post: (path: string, body: object = {}) =>
      fetch(at(path), { method: 'POST', headers, body: JSON.stringify(body) }),
  }
}

const IDLE = { progress: 0, state: { job_count: 0, interrupted: false }, current_image: null }

/** Which backends drew, in this order. */
const drawn = ({ logged }: Gateway) =>
  logged
    .filter(({ path, status }) => path === '/sdapi/v1/txt2img' && status === 200)
    .map(({ backend }) => backend)

t.test('SillyTavern connects, draws and stops with everything down at first', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text'), art: sample('image', ['--image-time', '40']) },
  })
  const { get, post } = a1111(gateway)
  t.match(await get('options'), { sd_model_checkpoint: 'art' })
  t.match(await get('sd-models'), [{ title: 'art' }])
  for (const list of ['samplers', 'schedulers', 'upscalers', 'latent-upscale-modes']) {
    t.ok(Array.isArray(await get(list)), list)
  }
  t.same([await get('sd-vae'), await get('sd-modules')], [[], []])
  t.same(await (await post('options', { sd_model_checkpoint: 'art' })).json(), {})
  t.match(await get('progress'), IDLE)
  t.same(await (await post('interrupt')).json(), {}, 'nothing to stop')
  t.same(await (await post('skip')).json(), {})
  const { ram } = await get('memory')
  t.ok(ram.total > ram.free && ram.free > 0)
  t.same(gateway.moves, [], 'nothing was started')

  t.match(await get('options'), { sd_model_checkpoint: 'art' })
  const reply = await post('txt2img', { prompt: 'a red barn', width: 64, height: 64 })
  const { images } = (await reply.json()) as { images: string[] }
  t.match(Buffer.from(images[0] ?? '', 'base64').toString('latin1'), /a red barn/)
  t.match(await get('progress'), IDLE)
  t.same([...new Set(gateway.moves.map(({ backend }) => backend))], ['art'])
})

t.test('the model that a client sets is the backend that draws for all', async (t) => {
  const gateway = await startGateway(t, {
    backends: {
      fast: sample('image', ['--image-time', '0']),
      fine: sample('image', ['--image-time', '0']),
    },
  })
  const openWebUi = a1111(gateway, { authorization: 'Basic Og==' })
  t.match(await openWebUi.get('options'), { sd_model_checkpoint: 'fast' })
  t.match(await openWebUi.get('sd-models'), [{ title: 'fast' }, { title: 'fine' }])
  t.equal((await openWebUi.post('options', { sd_model_checkpoint: 'fine' })).status, 200)
  t.match(await openWebUi.get('options'), { sd_model_checkpoint: 'fine' })
  const wish = { prompt: 'x', width: 64, height: 64, batch_size: 1 }
  t.equal((await openWebUi.post('txt2img', wish)).status, 200)
  await a1111(gateway).post('options', { sd_model_checkpoint: 'never heard of' })
  t.equal((await a1111(gateway).post('txt2img', wish)).status, 200, 'of another client')
  await until('both are logged', () => drawn(gateway).length === 2)
  t.same(drawn(gateway), ['fine', 'fine'])
})

t.test('progress tells of a start, of the picture being made and of who waits', async (t) => {
  const gateway = await startGateway(t, {
    backends: { art: sample('image', ['--image-time', '300']) },
  })
  const { get, post } = a1111(gateway)
  const wish = { prompt: 'x', width: 64, height: 64 }
  const first = post('txt2img', wish)
  const sees = (job: string) => async () => (await get('progress')).state.job === job
  await until('it starts', sees('starting'))
  await until('it draws', sees('drawing'))
  t.match(await get('progress'), { progress: 0, state: { job_count: 1 } }, 'nobody knows how long')
  await first
  const second = post('txt2img', wish)
  await until('it draws again', sees('drawing'))
  const third = post('txt2img', wish)
  await until('another waits', async () => (await get('progress')).state.job_count === 2)
  const { progress, eta_relative: eta, textinfo } = await get('progress')
  t.ok(progress > 0 && progress < 1 && eta > 0, `${progress}, ${eta}`)
  t.match(textinfo, /1 in line/)
  const stranger = a1111(gateway, { authorization: 'Basic c3RyYW5nZXI=' })
  await stranger.post('interrupt')
  t.match(await get('progress'), { state: { job_count: 2 } }, 'another client stops nothing')
  await post('interrupt')
  t.equal((await third).status, 499, 'what waited was taken out of the line')
  t.equal((await second).status, 200, 'KoboldCpp cannot leave off')
  await until('it is idle', async () => (await get('progress')).state.job_count === 0)
})

t.test('a backend that speaks AUTOMATIC1111 itself is asked itself, while it runs', async (t) => {
  const upstream = await startUpstream(
    t,
    ({ socket, method, path }) => {
      const body = JSON.stringify({ method, path, from: 'a1111' })
      socket.end(
        `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      )
    },
    { probe: '/sdapi/v1/options' },
  )
  const settings = { dialect: 'a1111', serves: ['image'] }
  const gateway = await startGateway(t, {
    backends: { web: external(upstream.url, settings) },
  })
  const { get, post } = a1111(gateway)
  t.match(await get('progress'), { from: 'a1111', path: '/sdapi/v1/progress' })
  t.match(await get('sd-vae'), { from: 'a1111' })
  t.match(await (await post('interrupt')).json(), { from: 'a1111', method: 'POST' })
  t.equal(await (await post('options', { sd_model_checkpoint: 'x' })).text(), '', 'its own answer')
})

t.test('such a backend that is down does nothing, and is not started to say so', async (t) => {
  const process = { command: 'never-run', args: ['${port}'] }
  const gateway = await startGateway(t, {
    backends: { web: { dialect: 'a1111', serves: ['image'], process } },
  })
  const { get, post } = a1111(gateway)
  t.match(await get('progress'), IDLE)
  t.equal((await post('interrupt')).status, 200)
  t.equal((await post('options', { sd_model_checkpoint: 'x' })).status, 503)
  t.same(gateway.moves, [])
})

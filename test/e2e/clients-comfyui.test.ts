import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { bearer, clientAt, formWith, listenAt, startedBy, workflowOf } from '../helpers/clients.js'
import { external, sample, startGateway } from '../helpers/gateway.js'
import { type Asked, type OtherServer, startOther } from '../helpers/other-server.js'
import { until } from '../helpers/until.js'

/** They wait more than they work. */
t.jobs = 3

const PNG = Buffer.from('iVBORw0KGgo=', 'base64')
const ID = 'c0ffee00-0000-4000-8000-000000000001'
const IMAGE = { filename: 'ComfyUI_00001_.png', subfolder: 'out', type: 'output' }
const DONE = { [ID]: { status: { status_str: 'success' }, outputs: { '9': { images: [IMAGE] } } } }
const node = (required: object) => ({ input: { required } })

/** What a real ComfyUI answers. */
const COMFY = {
  'GET /system_stats': { system: { comfyui_version: '0.3.40' }, devices: [{ name: 'cuda:0' }] },
  'GET /object_info': {
    CheckpointLoaderSimple: node({ ckpt_name: [['flux.safetensors', 'sdxl.safetensors']] }),
    UNETLoader: node({ unet_name: [['unet.gguf']] }),
    VAELoader: node({ vae_name: [['own.vae']] }),
    KSampler: node({ sampler_name: [['euler', 'res_multistep']], scheduler: [['beta57']] }),
    OwnNode: node({}),
  },
  'GET /models/checkpoints': ['flux.safetensors', 'sdxl.safetensors'],
  'GET /queue': { queue_running: [], queue_pending: [[7]] },
  'GET /history': DONE,
  [`GET /history/${ID}`]: DONE,
  'GET /view': (asked: Asked) => (asked.query.get('filename') === IMAGE.filename ? PNG : {}),
  'POST /prompt': { prompt_id: ID, number: 7, node_errors: {} },
  'POST /interrupt': {},
  'POST /upload/image': { name: 'start.png', subfolder: '', type: 'input' },
  'POST /api/upload/image': { name: 'start.png', subfolder: '', type: 'input' },
}

async function stage(t: Test, upgrade?: (request: IncomingMessage, socket: Duplex) => void) {
  const art = await startOther(t, COMFY, upgrade)
  const gateway = await startGateway(t, {
    backends: {
      llm: sample('text'),
      art: external(art.url, { dialect: 'comfyui', bodies: 'buffer', serves: ['image'] }),
    },
  })
  const tavern = clientAt(gateway.url)
  const isKnown = async () => (await tavern.get('/models/checkpoints')).text.includes('flux')
  await until('it is known', isKnown)
  return { gateway, art, tavern }
}
type Test = Parameters<typeof startGateway>[0]
type Nodes = Readonly<Record<string, object>>

const nodes = async (client: ReturnType<typeof clientAt>) =>
  (await client.get('/object_info')).json<Nodes>()

const askedFor = ({ asked }: OtherServer, call: string) =>
  asked.filter(({ method, path }) => `${method} ${path}` === call)

t.test('SillyTavern, ComfyUI, with a real one behind: its own menus and pictures', async (t) => {
  const { gateway, art, tavern } = await stage(t)
  t.match((await tavern.get('/system_stats')).json(), { devices: [{ name: 'cuda:0' }] })
  t.match(await nodes(tavern), COMFY['GET /object_info'])
  t.match((await tavern.get('/models/checkpoints')).json(), COMFY['GET /models/checkpoints'])
  const prompt = { prompt: workflowOf('a red fox') }
  t.match((await tavern.post('/prompt', prompt)).json(), { prompt_id: ID, number: 7 })
  t.same(askedFor(art, 'POST /prompt')[0]?.json(), prompt)
  t.same((await tavern.get('/history')).json(), DONE)
  const view = await tavern.get(`/view?${new URLSearchParams(IMAGE)}`)
  t.same(view.bytes, PNG)
  t.same(Object.fromEntries(askedFor(art, 'GET /view')[0]?.query ?? []), IMAGE)
  t.match((await tavern.get('/queue')).json(), { queue_pending: [[7]] })
  t.equal((await tavern.post('/interrupt')).status, 200)
  t.equal(askedFor(art, 'POST /interrupt').length, 1)
  t.notOk(startedBy(gateway).includes('llm'), 'and the text backend was left alone')
})

/** Accepts each WebSocket and says at once that this prompt is done. */
function tell(handshakes: string[]) {
  return (request: IncomingMessage, socket: Duplex): void => {
    handshakes.push(request.url ?? '')
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
    socket.write(`${[...head, `Sec-WebSocket-Accept: ${accept}`].join('\r\n')}\r\n\r\n`)
    const news = JSON.stringify({ type: 'executing', data: { node: null, prompt_id: ID } })
    socket.write(Buffer.concat([Buffer.from([0x81, news.length]), Buffer.from(news)]))
    socket.on('error', () => {}).on('end', () => socket.end())
  }
}

t.test('Open WebUI, images over ComfyUI, with a real one behind', async (t) => {
  const handshakes: string[] = []
  const { gateway, art } = await stage(t, tell(handshakes))
  const webui = clientAt(gateway.url, bearer('any'))
  const clientId = randomUUID()
  const news = await listenAt(`${gateway.url}/ws?clientId=${clientId}`, bearer('any'))
  const prompt = { prompt: workflowOf('a red fox'), client_id: clientId }
  t.match((await webui.post('/prompt', prompt)).json(), { prompt_id: ID })
  await news.hears(({ type, data }) => type === 'executing' && data.prompt_id === ID)
  t.same(handshakes, [`/ws?clientId=${clientId}`], 'under its own name')
  t.same((await webui.get(`/history/${ID}`)).json(), DONE)
  t.same((await webui.get(`/view?${new URLSearchParams(IMAGE)}`)).bytes, PNG)
  const form = formWith('image', Buffer.from('a picture'), { type: 'input' })
  t.match((await webui.post('/api/upload/image', form)).json(), { name: 'start.png' })
  t.match(askedFor(art, 'POST /api/upload/image')[0]?.body, 'a picture')
  news.close()
})

t.test('a call of A1111’s or OpenAI’s that ComfyUI has not is an error at once', async (t) => {
  const { art, tavern } = await stage(t)
  for (const path of ['/sdapi/v1/txt2img', '/v1/images/generations']) {
    t.equal((await tavern.post(path, { prompt: 'a red fox' })).status, 404, path)
    t.equal(askedFor(art, `POST ${path}`).length, 1, 'it was asked, under its own path')
  }
})

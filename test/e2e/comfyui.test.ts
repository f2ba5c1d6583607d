import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'undici'
import { type Gateway, sample, startGateway } from '../helpers/gateway.js'
import { rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { offer } from '../helpers/websocket.js'

interface Wish {
  readonly text: string
  readonly start?: string
  readonly sampler?: string
}

/** A workflow in ComfyUI's API format. */
function workflow({ text, start, sampler = 'KSampler' }: Wish) {
  const empty = { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64 } }
  const encoded = { class_type: 'VAEEncode', inputs: { pixels: ['10', 0] } }
  const inputs = { seed: 1, positive: ['6', 0], latent_image: ['5', 0] }
  return {
    3: { class_type: sampler, inputs },
    5: start === undefined ? empty : encoded,
    6: { class_type: 'CLIPTextEncode', inputs: { text } },
    10: { class_type: 'LoadImage', inputs: { image: start } },
    12: { class_type: 'SaveImage', inputs: { images: ['8', 0] } },
  }
}

/** A client of ComfyUI's API at this gateway. */
function comfy(gateway: Gateway, key = 'me') {
  const headers = { authorization: `Bearer ${key}` }
  const ask = (path: string, rest: RequestInit = {}) =>
    fetch(gateway.url + path, { headers, ...rest })
  // biome-ignore lint/suspicious/noExplicitAny: tests look into many shapes of JSON
  const get = async (path: string): Promise<any> => (await ask(path)).json()
  const post = (path: string, body: object = {}) =>
    ask(path, { method: 'POST', body: JSON.stringify(body) })
  const submit = async (wish: Wish, more: object = {}): Promise<string> =>
    idOf(await (await post('/prompt', { prompt: workflow(wish), ...more })).json())
  const entry = async (id: string) => (await get(`/history/${id}`))[id]
  const over = async (id: string) => {
    await until('it is over', async () => (await entry(id)) !== undefined)
    return entry(id)
  }
  const view = async (id: string) => {
    const [output] = Object.values((await over(id)).outputs) as { images: Image[] }[]
    const query = new URLSearchParams({ ...output?.images[0] })
    const reply = await ask(`/view?${query}`)
    return Buffer.from(await reply.arrayBuffer()).toString('latin1')
  }
  return { ask, get, post, submit, over, view, headers }
}

const idOf = (answer: unknown) => (answer as { prompt_id: string }).prompt_id

interface Image {
  readonly filename: string
  readonly subfolder: string
  readonly type: string
}

const art = (ms = 20) => ({ art: sample('image', ['--image-time', String(ms)]) })

/** What comes over such a client's WebSocket, parsed. */
async function listen(t: Test, gateway: Gateway, key = 'me') {
  const url = `ws://127.0.0.1:${gateway.port}/ws?clientId=mine`
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${key}` } })
  const told: { type: string; data: Record<string, unknown> }[] = []
  socket.addEventListener('message', ({ data }) => told.push(JSON.parse(String(data))))
  t.teardown(() => socket.close())
  await once(socket, 'open')
  const isOver = (id: string) =>
    told.some(
      ({ type, data }) => type === 'executing' && data.node === null && data.prompt_id === id,
    )
  return { socket, told, isOver }
}

t.test('Open WebUI has its picture, with everything down at first', async (t) => {
  const gateway = await startGateway(t, { backends: { llm: sample('text'), ...art() } })
  const { socket, told, isOver } = await listen(t, gateway)
  await until('it is greeted', () => told.length > 0)
  t.match(told[0], { type: 'status', data: { status: { exec_info: { queue_remaining: 0 } } } })
  t.same(gateway.moves, [], 'a line of news starts nothing')
  const me = comfy(gateway)
  const id = await me.submit({ text: 'a red barn' }, { client_id: 'mine' })
  await until('it is told that its picture is done', () => isOver(id))
  const history = await me.get(`/history/${id}`)
  t.match(history[id], { status: { status_str: 'success', completed: true } })
  t.match(Object.keys(history[id].outputs), ['12'], 'the node of its own workflow')
  const picture = await me.view(id)
  t.match(picture, /^.PNG/)
  t.match(picture, /a red barn/)
  const types = told.map(({ type }) => type).filter((type) => type !== 'status')
  const order = ['execution_start', 'executing', 'executed', 'execution_success', 'executing']
  t.same(types, order)
  socket.close(1000)
  await once(socket, 'close')
  await until('the line of news is logged', () => gateway.logged.some((one) => one.status === 101))
  t.match(
    gateway.logged.find((one) => one.status === 101),
    { outcome: 'ok', backend: '' },
  )
  t.same([...new Set(gateway.moves.map(({ backend }) => backend))], ['art'])
})

t.test('SillyTavern asks for the history until its picture is there', async (t) => {
  const gateway = await startGateway(t, { backends: art() })
  const me = comfy(gateway)
  t.equal((await me.ask('/system_stats')).status, 200)
  t.ok((await me.get('/object_info')).KSampler)
  t.same(gateway.moves, [])
  const id = await me.submit({ text: 'a blue lake' })
  await until('it is listed', async () => id in (await me.get('/history')))
  t.match(await me.view(id), /a blue lake/)
  t.match((await me.ask('/view')).headers.get('content-type'), /^image\/png/, 'its last one')
  t.equal((await me.ask('/view?filename=sample_00001_.png')).status, 404)
  t.equal((await me.post('/history', { delete: [id] })).status, 200)
  t.same(await me.get('/history'), {})
})

t.test('clients that draw at once have their own pictures, and see no others', async (t) => {
  const concurrent = { art: { ...sample('image', ['--image-time', '5']), concurrency: 4 } }
  for (const backends of [art(5), concurrent]) {
    const gateway = await startGateway(t, { backends })
    const names = ['ann', 'bob', 'cy']
    const clients = names.map((name) => ({ name, ...comfy(gateway, name) }))
    await Promise.all(
      clients.map(async ({ name, submit, view, get }) => {
        const ids = await Promise.all(['1', '2'].map((no) => submit({ text: `${name} no ${no}` })))
        for (const [at, id] of ids.entries()) {
          t.match(await view(id), new RegExp(`${name} no ${at + 1}`))
        }
        t.same(Object.keys(await get('/history')).sort(), [...ids].sort())
      }),
    )
    t.same(await comfy(gateway, 'stranger').get('/history'), {})
    t.equal((await comfy(gateway, 'stranger').ask('/view')).status, 404)
    t.match(gateway.app.pool.statuses(), [{ inFlight: 0, waiting: 0 }])
  }
})

t.test("a queue shows, and gives up, only what is its own client's", async (t) => {
  const gateway = await startGateway(t, { backends: art(1_500) })
  const [me, you] = [comfy(gateway, 'me'), comfy(gateway, 'you')]
  const first = await me.submit({ text: 'first' })
  const ids = async (who: typeof me) => {
    const { queue_running: running, queue_pending: pending } = await who.get('/queue')
    return [running, pending].map((list) => list.map((one: string[]) => one[1]))
  }
  await until('it runs', async () => (await ids(me))[0]?.length === 1)
  const second = await me.submit({ text: 'second' })
  const third = await me.submit({ text: 'third' })
  const theirs = await you.submit({ text: 'theirs' })
  t.same(await ids(me), [[first], [second, third]])
  t.same(await ids(you), [[], [theirs]])
  t.same(await me.get('/prompt'), { exec_info: { queue_remaining: 3 } })
  await you.post('/queue', { clear: true, delete: [second] })
  t.same(await ids(you), [[], []])
  t.same(await ids(me), [[first], [second, third]])
  await me.post('/queue', { delete: [second] })
  await me.post('/interrupt', { prompt_id: third })
  t.match((await me.over(third)).status.messages.at(-1), ['execution_interrupted'])
  await me.post('/interrupt')
  t.match((await me.over(first)).status, { status_str: 'error', completed: false })
  t.same(await ids(me), [[], []])
  const later = await you.submit({ text: 'later' })
  t.match(await you.view(later), /later/, "what was interrupted is nobody else's picture")
})

t.test('a prompt that is interrupted behind another one leaves nothing held', async (t) => {
  const backends = { art: { ...sample('image', ['--image-time', '200']), concurrency: 4 } }
  const gateway = await startGateway(t, { backends })
  const me = comfy(gateway)
  const first = await me.submit({ text: 'first' })
  const second = await me.submit({ text: 'second' })
  const inFlight = () => gateway.app.pool.statuses()[0]?.inFlight
  await until('both are leased', () => inFlight() === 2)
  await me.post('/interrupt', { prompt_id: second })
  await until('one is given back', () => inFlight() === 1)
  t.match(await me.view(first), /first/)
  await until('both are', () => inFlight() === 0)
})

t.test('a prompt that comes to nothing is told in history and news', async (t) => {
  const gateway = await startGateway(t, { backends: art(0) })
  const { isOver, told } = await listen(t, gateway)
  const me = comfy(gateway)
  const id = await me.submit({ text: 'x', sampler: 'Unheard' }, { client_id: 'mine' })
  await until('it is told', () => isOver(id))
  t.match((await me.over(id)).status, { status_str: 'error', completed: false })
  const error = told.find(({ type }) => type === 'execution_error')
  t.match(error?.data, { prompt_id: id, exception_message: /^The art backend/ })
  t.equal((await me.post('/prompt', { prompt: 'text' })).status, 400)
  t.equal((await me.post('/prompt', { prompt: workflow({ text: 'x', start: 'no' }) })).status, 400)
  const fine = await me.submit({ text: 'still alive' })
  t.match(await me.view(fine), /still alive/)
})

t.test('a backend that cannot start is told at once, or in history', async (t) => {
  const command = { command: process.execPath, args: ['-e', 'process.exit(3)', '${port}'] }
  const gateway = await startGateway(t, {
    backends: { art: { serves: ['image'], dialect: 'koboldcpp', process: command } },
  })
  const me = comfy(gateway)
  const id = await me.submit({ text: 'x' })
  t.match((await me.over(id)).status.messages.at(-1)[1].exception_type, 'GATEHOUSE_START_FAILED')
  const refused = await me.post('/prompt', { prompt: workflow({ text: 'x' }) })
  t.equal(refused.status, 503, 'it is being left alone for a while')
  t.same(await me.get('/prompt'), { exec_info: { queue_remaining: 0 } })
})

t.test('each client begins with the picture that it uploaded itself', async (t) => {
  const gateway = await startGateway(t, { backends: art(0) })
  const upload = async (who: ReturnType<typeof comfy>, bytes: string) => {
    const body = new FormData()
    body.set('image', new Blob([bytes]), 'start.png')
    const reply = await who.ask('/upload/image', { method: 'POST', body })
    return ((await reply.json()) as { name: string }).name
  }
  const [me, you] = [comfy(gateway, 'me'), comfy(gateway, 'you')]
  const mine = await upload(me, 'mine')
  const yours = await upload(you, 'yours')
  t.not(mine, yours)
  t.same(gateway.moves, [], 'an upload waits for its prompt')
  const draw = async (who: typeof me, start: string) =>
    who.view(await who.submit({ text: 'same', start }))
  const [a, b] = [await draw(me, mine), await draw(you, yours)]
  t.not(a, b, 'they began with different pictures')
  t.equal(await draw(me, 'start.png'), a, 'under its own name too')
  t.equal(await draw(you, 'start.png'), b)
})

t.test(
  'a line of news is ended by a closing handshake, nonsense, or the end of the gateway',
  async (t) => {
    const gateway = await startGateway(t, { backends: art() })
    const open = async () => {
      const client = await rawClient(gateway.port)
      client.socket.write(offer('/ws?clientId=1'))
      await client.sees('"queue_remaining":0')
      return client
    }
    const [rude, leaver, stayer] = [await open(), await open(), await open()]
    t.match(rude.text(), /^HTTP\/1.1 101 /)
    t.match(rude.text(), /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/)
    rude.socket.write(Buffer.from([0x81, 1, 0x61]))
    t.equal(await rude.over, 'end')
    t.ok(rude.text().endsWith('\x88\x02\x03\xea'), 'a client has to mask')
    leaver.socket.write(Buffer.from([0x89, 0x81, 0, 0, 0, 0, 0x61]))
    await leaver.sees('\x8a\x01a')
    leaver.socket.end()
    t.equal(await leaver.over, 'end')
    const logged = () => gateway.logged.filter(({ status }) => status === 101).length
    await until('both are logged', () => logged() === 2)
    await gateway.app.server.close()
    t.equal(logged(), 3)
    await stayer.over
  },
)

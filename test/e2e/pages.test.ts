import { request } from 'node:http'
import t from 'tap'
import { external, type Gateway, sample, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/until.js'

const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const START = '/gatehouse/api/backends/llm/start'

interface Status {
  readonly version: string
  readonly backends: readonly Record<string, unknown>[]
}

const statusOf = async ({ url }: Gateway) =>
  (await (await fetch(`${url}/gatehouse/api/status`)).json()) as Status

const isReady = async (gateway: Gateway) =>
  (await statusOf(gateway)).backends.some(({ state }) => state === 'ready')

/** Fetch sets the headers of a browser itself, or refuses to. */
function startAs(gateway: Gateway, headers: Record<string, string>): Promise<number | undefined> {
  const { port } = gateway
  return new Promise((resolve, reject) => {
    const ask = request({ host: '127.0.0.1', port, method: 'POST', path: START, headers })
    ask.on('response', (reply) => resolve(reply.resume().statusCode))
    ask.on('error', reject).end()
  })
}

t.test('while the text backend is down, its pages are one of our own', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text'), art: sample('image') },
  })
  for (const path of ['/', '/lcpp/', '/api', '/any/api', '/api/v1', '/docs', '/v1']) {
    const reply = await fetch(gateway.url + path, { headers: BROWSER })
    t.equal(reply.status, 200, path)
    t.match(await reply.text(), 'The text backend <b>llm</b> is not running')
    t.match(reply.headers.get('content-type'), 'text/html')
    t.equal(reply.headers.get('cache-control'), 'no-store')
    t.match(reply.headers.get('content-security-policy'), "default-src 'none'")
  }
  t.same(gateway.moves, [], 'looking starts nothing')
})

t.test('a client that only looks whether somebody is there hears yes', async (t) => {
  const gateway = await startGateway(t, { backends: { llm: sample('text') } })
  for (const method of ['HEAD', 'GET']) {
    const reply = await fetch(`${gateway.url}/`, { method, headers: { accept: '*/*' } })
    t.equal(reply.status, 200, method)
  }
  t.same(gateway.moves, [])
})

t.test('a start without work is answered at once, and ends in the own page', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text', ['--load-time', '300']) },
  })
  t.same(await statusOf(gateway), {
    version: '0.0.0-test',
    devices: [],
    waitingForMemory: [],
    backends: [
      {
        memory: [],
        entering: 0,
        ...{ name: 'llm', serves: ['text'], dialect: 'koboldcpp', launcher: 'process' },
        ...{ state: 'stopped', reason: 'not asked for yet', waiting: 0, inFlight: 0 },
      },
    ],
  })
  const reply = await fetch(gateway.url + START, { method: 'POST' })
  t.equal(reply.status, 202)
  t.match(await reply.json(), { name: 'llm', state: /queued|starting/ })
  t.match(await (await fetch(`${gateway.url}/`)).text(), /data-state="(queued|starting)"/)
  await until('it is ready', () => isReady(gateway))
  t.match(await (await fetch(`${gateway.url}/`)).text(), "Gatehouse's sample backend")
  const again = await fetch(gateway.url + START, { method: 'POST', body: '{"with":"a body"}' })
  t.same([again.status, await again.json()], [202, { name: 'llm', state: 'ready' }])
  t.equal(gateway.starts.length, 1)
})

t.test('pages of other origins can neither start a backend nor read the states', async (t) => {
  const gateway = await startGateway(t, { backends: { llm: sample('text') } })
  const host = `127.0.0.1:${gateway.port}`
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: `http://${host}` },
    { 'sec-fetch-site': 'none' },
    { origin: 'http://elsewhere.example' },
    { origin: `http://127.0.0.1:${gateway.port + 1}` },
    { origin: 'null' },
  ]) {
    t.equal(await startAs(gateway, headers), 403, JSON.stringify(headers))
  }
  const preflight = await fetch(gateway.url + START, { method: 'OPTIONS' })
  t.equal(preflight.status, 404)
  const status = await fetch(`${gateway.url}/gatehouse/api/status`)
  t.equal(status.headers.get('access-control-allow-origin'), null)
  t.equal(status.headers.get('cache-control'), 'no-store')
  t.same(gateway.moves, [])
  t.equal(await startAs(gateway, { 'sec-fetch-site': 'same-origin' }), 202)
  t.equal(await startAs(gateway, { origin: `http://${host}` }), 202, 'a host without TLS')
  t.equal(await startAs(gateway, { origin: 'https://ai.lan', host: 'AI.lan:443' }), 202, 'proxied')
})

t.test('what could not start says why, and a click meanwhile how long to wait', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text', ['--exit-before-ready', '3']) },
  })
  t.equal((await fetch(gateway.url + START, { method: 'POST' })).status, 202)
  await until('it failed', async () => (await statusOf(gateway)).backends[0]?.state === 'failed')
  const page = await fetch(`${gateway.url}/`, { headers: BROWSER })
  t.match(await page.text(), /"state">failed<\/span> <span class="reason">[^<]*code 3/)
  const again = await fetch(gateway.url + START, { method: 'POST' })
  t.equal(again.status, 503)
  t.equal(again.headers.get('retry-after'), '1')
  t.match(await again.json(), { detail: { msg: /tried again in 1 s.*code 3/s } })
})

t.test('a backend that somebody else runs, and that is not there, is no broken page', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: external('http://127.0.0.1:9', { dialect: 'koboldcpp' }) },
  })
  const page = await fetch(`${gateway.url}/`, { headers: BROWSER })
  t.equal(page.status, 200)
  t.match(await page.text(), />failed<.*does not answer.*>Look again</s)
})

t.test('without a text backend there is a page too', async (t) => {
  const gateway = await startGateway(t, { backends: { art: sample('image') } })
  const page = await fetch(`${gateway.url}/`, { headers: BROWSER })
  t.equal(page.status, 200)
  t.match(await page.text(), 'No backend here serves text')
})

t.test('a preflight is answered for every path of the workloads, and starts nothing', async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text'), far: external('http://127.0.0.1:9') },
    routes: [
      { path: '/named/*', to: 'backend:llm' },
      { path: '/far/*', to: 'backend:far' },
    ],
  })
  const headers = {
    origin: 'https://elsewhere.example',
    'access-control-request-method': 'POST',
    'access-control-request-private-network': 'true',
  }
  for (const path of ['/', '/nope', '/named/api/v1/generate', '/far/x', '/api/admin/x', '/ws']) {
    const reply = await fetch(gateway.url + path, { method: 'OPTIONS', headers })
    t.equal(reply.status, 200, path)
    t.equal(reply.headers.get('access-control-allow-origin'), '*')
    t.match(reply.headers.get('access-control-allow-headers'), 'Authorization')
    t.equal(reply.headers.get('access-control-allow-private-network'), null)
  }
  for (const path of ['/metrics', '/healthz', '/readyz', '/gatehouse/api/status']) {
    const reply = await fetch(gateway.url + path, { method: 'OPTIONS', headers })
    t.equal(reply.status, 404, `${path} is no other origin's business`)
  }
  t.notOk(gateway.starts.some(({ backend }) => backend === 'llm'))
})

t.test('a name that no backend has is 404, and so is every other path of ours', async (t) => {
  const gateway = await startGateway(t, { backends: { llm: sample('text') } })
  const ask = async (method: string, path: string) =>
    (await fetch(`${gateway.url}/gatehouse/api/${path}`, { method })).status
  t.equal(await ask('POST', 'backends/nobody/start'), 404)
  t.equal(await ask('GET', 'backends/llm/start'), 404)
  t.equal(await ask('POST', 'status'), 404)
  t.same(gateway.moves, [])
})

// What test/docker/run tries of docker/compose.yaml, which it has brought up, in the engine's network.
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { until } from '../helpers/until.js'
import { compose, docker, IMAGE } from './engine.js'

const GATEWAY = 'http://127.0.0.1:5050'
const LONG = 60_000

function inspect(container: string, format: string): Promise<string> {
  return docker('inspect', '--format', format, `gatehouse-${container}-1`)
}

const isRunning = async (container: string) =>
  (await inspect(container, '{{.State.Running}}')) === 'true'

function generate(prompt: string, settings: object = {}): Promise<Response> {
  return fetch(`${GATEWAY}/api/v1/generate`, {
    method: 'POST',
    body: JSON.stringify({ prompt, max_length: 12, ...settings }),
  })
}

function stream(prompt: string, max_length: number): Promise<Response> {
  return fetch(`${GATEWAY}/api/extra/generate/stream`, {
    method: 'POST',
    body: JSON.stringify({ prompt, max_length }),
  })
}

async function textOf(reply: Response): Promise<string> {
  const body = (await reply.json()) as { results?: { text: string }[] }
  return body.results?.[0]?.text ?? JSON.stringify(body)
}

async function answersAll(t: Test): Promise<void> {
  const form = new FormData()
  form.append('file', new Blob([readFileSync('examples/hello.wav')]), 'hello.wav')
  const [text, image, heard] = await Promise.all([
    generate('It was the best of times'),
    fetch(`${GATEWAY}/sdapi/v1/txt2img`, { method: 'POST', body: '{"prompt": "a red fox"}' }),
    fetch(`${GATEWAY}/v1/audio/transcriptions`, { method: 'POST', body: form }),
  ])
  t.match(await textOf(text), /\w+ \w+/, 'text')
  const { images } = (await image.json()) as { images: string[] }
  t.equal(Buffer.from(images[0] ?? '', 'base64').toString('latin1', 1, 4), 'PNG', 'a picture')
  t.match(await heard.json(), { text: /seconds/ }, 'a transcript')
}

/** Makes the gateway anew with another of docker/routes. */
async function useRoutes(routes: string): Promise<void> {
  await compose(['up', '--detach', 'gateway'], { GATEHOUSE_ROUTES: routes })
  await until(
    'the gateway answers',
    () =>
      fetch(GATEWAY).then(
        () => true,
        () => false,
      ),
    LONG,
  )
}

t.test('the image runs as a user without rights, from a root that cannot be written', async (t) => {
  const size = Number(await docker('image', 'inspect', '--format', '{{.Size}}', IMAGE))
  t.ok(size < 250e6, `${size} bytes are less than 250 MB`)
  t.equal(await inspect('gateway', '{{.HostConfig.ReadonlyRootfs}} {{.Config.User}}'), 'true node')
  t.notMatch(await inspect('gateway', '{{json .Mounts}}'), 'docker.sock')
  t.equal(await compose(['exec', '-T', 'gateway', 'id', '-u']), '1000')
  t.notOk(
    await compose(['exec', '-T', 'gateway', 'ls', '/app/node_modules']).then((list) =>
      /typescript|tap/.test(list),
    ),
  )
  for (const service of ['gateway', 'socket-proxy']) {
    await until(
      `${service} is healthy`,
      async () => (await inspect(service, '{{.State.Health.Status}}')) === 'healthy',
      LONG,
    )
  }
})

t.test('three workloads are answered by the sample backends within the container', answersAll)

t.test('Prometheus scrapes the gateway, and its recording rules give numbers', async (t) => {
  const address = await inspect(
    'prometheus',
    '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}',
  )
  const query = async (text: string) => {
    const reply = await fetch(
      `http://${address}:9090/api/v1/query?query=${encodeURIComponent(text)}`,
    )
    const { data } = (await reply.json()) as { data: { result: { value: [number, string] }[] } }
    return data.result.map(({ value }) => Number(value[1]))
  }
  await until('it is up', async () => (await query('up{job="gatehouse"}'))[0] === 1, LONG)
  const rules = readFileSync('docker/prometheus/rules.yml', 'utf8')
  const recorded = [...rules.matchAll(/record: (backend:\S+)/g)].map(([, name]) => name ?? '')
  t.equal(recorded.length, 7)
  for (const name of recorded) {
    await until(
      `${name} has a number`,
      async () => {
        await (await stream('and again', 2)).text() // rates need counters that move
        const values = await query(`${name}{backend="text"}`)
        return values.length === 1 && Number.isFinite(values[0])
      },
      LONG,
    )
  }
  const alerts = await query('ALERTS')
  t.same(alerts, [], 'nothing is wrong')
})

t.test('docker stop lets a running reply end, and the gateway leaves with 0', async (t) => {
  const reply = await stream('a long one', 60)
  const reader = reply.body?.getReader()
  await reader?.read()
  const stopping = docker('stop', 'gatehouse-gateway-1')
  let text = ''
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    text += Buffer.from(part.value).toString()
  }
  t.match(text, /"finish_reason": ?"(length|stop)"/, 'the stream came to its end')
  await stopping
  t.equal(await inspect('gateway', '{{.State.ExitCode}}'), '0')
})

t.test(
  'sibling containers that are stopped are started by requests, each by its own',
  async (t) => {
    await compose(['create', 'sample-text', 'sample-image', 'sample-whisper'])
    await useRoutes('siblings.json')
    t.equal(await isRunning('sample-text'), false)
    t.match(await textOf(await generate('It was')), /\w+/)
    t.ok(await isRunning('sample-text'), 'the one that was asked runs')
    t.notOk(await isRunning('sample-image'), 'the others do not')
    await answersAll(t)
    const log = await compose([
      'exec',
      '-T',
      'gateway',
      'node',
      '/app/dist/main.js',
      'logs',
      'text',
      '--config',
      '/etc/gatehouse/siblings.json',
      '--state-dir',
      '/var/lib/gatehouse',
    ])
    t.match(log, 'Please connect to custom endpoint')
  },
)

t.test(
  'a container killed in the midst of a request is started again, and the answer comes',
  async (t) => {
    const before = await inspect('sample-text', '{{.State.StartedAt}}')
    const answer = generate('a slow one', { max_length: 80 })
    await until('it is at work', async () => {
      const metrics = await (await fetch(`${GATEWAY}/metrics`)).text()
      return /gatehouse_requests_in_flight\{backend="text"\} 1/.test(metrics)
    })
    await docker('kill', 'gatehouse-sample-text-1')
    const reply = await answer
    t.equal(reply.status, 200)
    t.match(await textOf(reply), /\w+ \w+/)
    t.not(await inspect('sample-text', '{{.State.StartedAt}}'), before, 'by a new start')
    t.match(
      await (await fetch(`${GATEWAY}/metrics`)).text(),
      'gatehouse_replays_total{backend="text"} 1',
    )
  },
)

t.test('a gateway that is killed and started again takes over what runs', async (t) => {
  const before = await inspect('sample-text', '{{.State.StartedAt}}')
  await docker('kill', 'gatehouse-gateway-1')
  t.ok(await isRunning('sample-text'))
  await docker('start', 'gatehouse-gateway-1')
  await until(
    'text is ready',
    async () => {
      const reply = await fetch(`${GATEWAY}/gatehouse/api/status`).catch(() => undefined)
      return /"name":"text"[^}]*"state":"ready"/.test((await reply?.text()) ?? '')
    },
    LONG,
  )
  t.match(await textOf(await generate('once more')), /\w+/)
  t.equal(await inspect('sample-text', '{{.State.StartedAt}}'), before, 'it was not started anew')
})

t.test('the gateway reaches no other container through the socket proxy', async (t) => {
  const ask = (method: string, path: string) =>
    compose([
      'exec',
      '-T',
      'gateway',
      'node',
      '-e',
      `fetch('http://socket-proxy:2375${path}', { method: '${method}' }).then((r) => console.log(r.status))`,
    ])
  t.equal(await ask('GET', '/containers/gatehouse-sample-text-1/json'), '200')
  t.equal(await ask('GET', '/containers/gatehouse-prometheus-1/json'), '403')
  t.equal(await ask('POST', '/containers/gatehouse-prometheus-1/stop'), '403')
  t.equal(await ask('POST', '/containers/create'), '403')
  t.equal(await ask('GET', '/info'), '403')
  t.ok(await isRunning('prometheus'))
})

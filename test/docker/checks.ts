// What test/docker/run tries on a real engine: docker/compose.yaml is up, GATEHOUSE_IMAGE is built, DOCKER_HOST is the
// engine's own socket, and this process is in the engine's network.
import { execFile, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { describeExit } from '../../src/launchers/exit-words.js'
import { createSocketProxy } from '../../src/socket-proxy/server.js'
import { dockerLauncher } from '../helpers/docker.js'
import { until } from '../helpers/until.js'
import { launcherContract } from '../launchers/launcher-contract.js'

const run = promisify(execFile)
const GATEWAY = 'http://127.0.0.1:5050'
const IMAGE = process.env.GATEHOUSE_IMAGE ?? ''
const SOCKET = (process.env.DOCKER_HOST ?? '').replace('unix://', '')
const LONG = 60_000

async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args)).stdout.trim()
}

function compose(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const all = ['compose', '--file', 'docker/compose.yaml', '--profile', 'siblings', ...args]
  return run('docker', all, { env: { ...process.env, ...env } }).then(({ stdout }) => stdout.trim())
}

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
        await generate('and again', { max_length: 2 }) // rates need a counter that moves
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
  const reply = await fetch(`${GATEWAY}/api/extra/generate/stream`, {
    method: 'POST',
    body: JSON.stringify({ prompt: 'a long one', max_length: 60 }),
  })
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
    await compose(['create'])
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

let containers = 0

/** Makes a container that is not started; gone with the test. */
async function create(t: Test, options: readonly string[], command: readonly string[]) {
  containers += 1
  const name = `gatehouse-test-${containers}`
  await docker(
    'create',
    '--name',
    name,
    '--label',
    'gatehouse.backend=true',
    ...options,
    IMAGE,
    ...command,
  )
  t.teardown(() => docker('rm', '--force', '--volumes', name))
  return name
}

t.test('the docker launcher keeps the promises of a launcher at a real engine', async (t) => {
  const proxy = createSocketProxy({
    socketPath: SOCKET,
    label: { name: 'gatehouse.backend', value: 'true' },
    onRefusal: (call) => t.comment(call),
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const { port } = proxy.address() as AddressInfo
  const name = await create(t, ['--entrypoint', 'sleep'], ['1000'])
  const isAlive = () => runsNow(name)
  for (const dockerHost of [`unix://${SOCKET}`, `tcp://127.0.0.1:${port}`]) {
    launcherContract(t, (t) => ({
      launcher: dockerLauncher(t, { dockerHost, container: { name } }).launcher,
      isAlive,
      end: () => void spawn('docker', ['kill', name], { stdio: 'ignore' }),
    }))
  }
})

t.test('how a container ended is told in words', async (t) => {
  const wordsFor = async (options: readonly string[], command: readonly string[]) => {
    const name = await create(t, options, command)
    const { start } = dockerLauncher(t, { dockerHost: `unix://${SOCKET}`, container: { name } })
    return describeExit(await (await start()).exited)
  }
  const sample = ['sample-backend', '--port', '5001']
  t.equal(await wordsFor([], [...sample, '--exit-before-ready', '7']), 'it exited with code 7')
  t.equal(
    await wordsFor(
      ['--memory', '96m', '--memory-swap', '96m'],
      [...sample, '--take-memory', '500'],
    ),
    'it was ended because its container reached its memory limit',
  )
})

/** Asked of the kernel by way of the engine, at once: the contract asks without waiting. */
function runsNow(name: string): boolean {
  return (
    execFileSync('docker', ['inspect', '--format', '{{.State.Running}}', name])
      .toString()
      .trim() === 'true'
  )
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/load.js'
import { Ports } from '../../src/launchers/ports.js'
import { type Gateway, sample, startGateway, tempFolder } from '../helpers/gateway.js'
import { addressOf, isAlive, runGateway } from '../helpers/program.js'
import { until } from '../helpers/until.js'

/** They mostly wait for programs to start and end. */
t.jobs = 3

function apply(gateway: Gateway, routes: object) {
  const file = join(gateway.folder, 'routes.json')
  writeFileSync(file, JSON.stringify(routes))
  return gateway.app.apply(loadConfig(file, {}))
}

function generate(url: string, body: object): Promise<Response> {
  return fetch(`${url}/api/v1/generate`, { method: 'POST', body: JSON.stringify(body) })
}

t.test(
  'unchanged backends keep running, changed ones are drained, removed ones stopped',
  async (t) => {
    const before = { keep: sample('text'), change: sample('image'), gone: sample('speech') }
    const gateway = await startGateway(t, { backends: before })
    const post = (path: string) => fetch(gateway.url + path, { method: 'POST', body: '{}' })
    await generate(gateway.url, { max_length: 1 })
    await post('/sdapi/v1/txt2img')
    await post('/v1/audio/speech')
    const pids = gateway.app.pool.statuses().map(({ pid }) => pid ?? 0)
    const backends = { keep: before.keep, change: sample('image', ['--name', 'new']) }
    t.same(apply(gateway, { backends }), {
      added: [],
      changed: ['change'],
      removed: ['gone'],
    })
    t.equal((await post('/sdapi/v1/txt2img')).status, 200, 'the changed one is started again')
    t.equal((await post('/v1/audio/speech')).status, 404, 'the removed one is not served any more')
    await until('the old ones have ended', () => !isAlive(pids[1] ?? 0) && !isAlive(pids[2] ?? 0))
    t.equal(
      gateway.app.pool.get('keep')?.status().pid,
      pids[0],
      'the unchanged one is the same process',
    )
  },
)

t.test('no request is dropped: running ones end, waiting ones go to the new backend', async (t) => {
  const gateway = await startGateway(t, {
    backends: { text: sample('text', ['--token-interval', '20']) },
  })
  const running = generate(gateway.url, { prompt: 'Call me', max_length: 30 })
  await until('one runs', () => gateway.app.pool.statuses()[0]?.inFlight === 1)
  const waiting = generate(gateway.url, { prompt: 'It was', max_length: 2 })
  await until('one waits', () => gateway.app.pool.statuses()[0]?.waiting === 1)
  apply(gateway, { backends: { text: sample('text', ['--name', 'second']) } })
  t.equal((await running).status, 200)
  t.equal((await waiting).status, 200)
  const readyPids = gateway.moves.filter(({ to }) => to === 'ready').map(({ pid }) => pid)
  t.equal(new Set(readyPids).size, 2, 'the old one served the first, the new one the second')
})

t.test('a renamed backend waits for the one that still has its port', async (t) => {
  const port = await new Ports().choose('127.0.0.1')
  const fixed = (name: string) => ({
    backends: {
      [name]: { ...sample('text', ['--token-interval', '20']), url: `http://127.0.0.1:${port}` },
    },
  })
  const gateway = await startGateway(t, fixed('old'))
  const running = generate(gateway.url, { prompt: 'Call me', max_length: 30 })
  await until('it runs', () => gateway.app.pool.statuses()[0]?.inFlight === 1)
  apply(gateway, fixed('new'))
  t.equal((await generate(gateway.url, { max_length: 1 })).status, 200)
  t.equal((await running).status, 200)
})

t.test('what is kept loaded by a new file is started by it', async (t) => {
  const gateway = await startGateway(t, { backends: { text: sample('text') } })
  apply(gateway, { backends: { text: { ...sample('text'), keepLoaded: true } } })
  await until('it is ready', () => gateway.app.pool.isReady())
})

t.test('routes are switched at once', async (t) => {
  const backends = { a: sample('text', ['--name', 'a']), b: sample('text', ['--name', 'b']) }
  const route = (to: string) => ({ backends, routes: [{ path: '/x/*', to: `backend:${to}` }] })
  const gateway = await startGateway(t, route('a'))
  const name = async () => {
    const reply = await fetch(`${gateway.url}/x/api/v1/model`)
    return ((await reply.json()) as { result: string }).result
  }
  t.equal(await name(), 'koboldcpp/a')
  apply(gateway, route('b'))
  t.equal(await name(), 'koboldcpp/b')
})

t.test('ten edits in a second end in one state with one process each', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'routes.json')
  const write = (name: string) => {
    writeFileSync(file, JSON.stringify({ backends: { text: sample('text', ['--name', name]) } }))
  }
  write('v0')
  const program = runGateway(t, folder)
  const url = await addressOf(program)
  const model = async () => {
    const reply = await generate(url, { max_length: 1 })
    if (reply.status !== 200) return `status ${reply.status}`
    return ((await (await fetch(`${url}/api/v1/model`)).json()) as { result: string }).result
  }
  await until('it has told its name', async () => (await model()) === 'koboldcpp/v0')
  const statuses: Promise<number>[] = []
  for (let edit = 1; edit <= 10; edit += 1) {
    write(`v${edit}`)
    if (edit % 2 === 0) program.child.kill('SIGHUP')
    statuses.push(generate(url, { max_length: 1 }).then(({ status }) => status))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.same(new Set(await Promise.all(statuses)), new Set([200]), 'no request was dropped')
  await until('the last edit is in force', async () => (await model()) === 'koboldcpp/v10')
  const pids = [...program.out().matchAll(/"to":"ready","pid":(\d+)/g)].map(([, pid]) =>
    Number(pid),
  )
  await until('one process is left', () => pids.filter(isAlive).length === 1)
  program.child.kill('SIGINT')
  t.equal(await program.ended, 0)
  t.notOk(pids.some(isAlive))
})

t.test('a bad file changes nothing and is reported with its lines', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'routes.json')
  writeFileSync(file, JSON.stringify({ backends: { text: sample('text') } }))
  const program = runGateway(t, folder)
  const url = await addressOf(program)
  t.equal((await generate(url, { max_length: 1 })).status, 200)
  writeFileSync(file, '{\n  "backends": {},\n  "routs": []\n}')
  await until('it is reported', () => /has faults, so nothing was changed/.test(program.out()))
  t.match(program.out(), /routes\.json:3:\d+ +routs/)
  t.equal((await generate(url, { max_length: 1 })).status, 200)
  program.child.kill('SIGINT')
  await program.ended
})

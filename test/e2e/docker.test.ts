import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type FakeEngine, startFakeEngine } from '../helpers/fake-engine.js'
import { type Gateway, startGateway, tempFolder } from '../helpers/gateway.js'
import { until } from '../helpers/until.js'

const { engine, dockerHost } = await startFakeEngine(t)
const env = { ...process.env, DOCKER_HOST: dockerHost }

/** A container that is stopped, whose program answers every request, or holds it for as long as the test says. */
async function withContainer(t: Test, name: string) {
  const program = new Program()
  const port = await program.findPort()
  engine.add(name, {
    greeting: 'hello\n',
    onStart: () => program.listen(port),
    onEnd: () => program.end(),
  })
  t.teardown(() => program.end())
  return { program, backend: backendAt(name, port) }
}

function backendAt(container: string, port: number, settings: object = {}) {
  const url = `http://127.0.0.1:${port}`
  const base = {
    serves: ['text'],
    dialect: 'generic',
    bodies: 'buffer',
    docker: { container },
    url,
  }
  return { ...base, stopTimeout: '1s', ...settings }
}

class Program {
  #server: Server | undefined
  readonly taken: string[] = []
  holds = false

  async findPort(): Promise<number> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    return port
  }

  listen(port: number): void {
    this.#server = createServer((request, reply) => {
      if (request.method === 'POST') this.taken.push(request.url ?? '')
      if (request.method === 'GET' || !this.holds) reply.end('an answer')
    })
    this.#server.listen(port, '127.0.0.1')
  }

  end(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }
}

const ask = ({ url }: Gateway) => fetch(`${url}/api/v1/generate`, { method: 'POST', body: '{}' })
const stateOf = ({ app }: Gateway) => app.pool.statuses()[0]?.state
/** Not stops: those of an earlier test may come late. */
const starts = (of: FakeEngine) => of.asked.filter(({ call }) => call.endsWith('/start')).length

t.test('the first request starts its container, and idleness stops it', async (t) => {
  const { backend } = await withContainer(t, 'idle')
  const gateway = await startGateway(
    t,
    { backends: { llm: { ...backend, idleTimeout: '20ms' } } },
    { env },
  )
  t.equal(engine.isRunning('idle'), false)
  for (const time of ['once', 'and again']) {
    t.equal(await (await ask(gateway)).text(), 'an answer', time)
    await until('it is stopped', () => !engine.isRunning('idle') && stateOf(gateway) === 'stopped')
  }
  t.match(gateway.starts, [{ outcome: 'ready' }, { outcome: 'ready' }])
})

t.test('a container that dies over a request is started again, and sent it again', async (t) => {
  const { backend, program } = await withContainer(t, 'dies')
  const gateway = await startGateway(t, { backends: { llm: backend } }, { env })
  program.holds = true
  const answer = ask(gateway)
  await until('it has the request', () => program.taken.length === 1)
  program.holds = false
  engine.end('dies', 137, true)
  t.equal(await (await answer).text(), 'an answer')
  t.equal(program.taken.length, 2)
  const failed = gateway.moves.find(({ to }) => to === 'failed')
  t.equal(failed?.reason, 'it was ended because its container ran out of memory')
})

t.test('why a container cannot be started is in the answer', async (t) => {
  const backends = { llm: backendAt('nowhere', 5001) }
  const gateway = await startGateway(t, { backends }, { env })
  const reply = await ask(gateway)
  t.equal(reply.status, 502)
  t.match(await reply.text(), "there is no container 'nowhere'")
})

t.test('a gateway that ends stops it, unless it leaves it to the next one', async (t) => {
  const { backend, program } = await withContainer(t, 'left')
  const folder = tempFolder(t)
  const first = await startGateway(t, { backends: { llm: backend } }, { env, folder })
  await ask(first)
  await first.app.close('release')
  t.ok(engine.isRunning('left'))
  const before = starts(engine)
  const second = await startGateway(t, { backends: { llm: backend } }, { env, folder })
  await second.app.pool.adopt()
  await until('it is taken over', () => stateOf(second) === 'ready')
  t.equal(await (await ask(second)).text(), 'an answer')
  t.equal(starts(engine), before, 'it ran on')
  t.equal(program.taken.length, 2)
  await second.app.close()
  t.equal(engine.isRunning('left'), false)
})

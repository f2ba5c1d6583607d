import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** What a test says of a container when it adds one. */
export interface Given {
  readonly labels?: Readonly<Record<string, string>>
  readonly env?: readonly string[]
  readonly isTerminal?: boolean
  /** Whether its program ends only when it is killed. */
  readonly ignoresSignals?: boolean
  /** The signal that ends it if a stop names none. */
  readonly stopSignal?: NodeJS.Signals
  /** Printed at every start. */
  readonly greeting?: string
  /** By network. */
  readonly addresses?: Readonly<Record<string, string>>
  /** What the engine answers to a start, instead of starting it. */
  readonly refusal?: { readonly status: number; readonly message: string }
  /** Its program, as far as it can be seen from outside. */
  readonly onStart?: () => void
  readonly onEnd?: () => void
  /** The engine keeps no output of it. */
  readonly hasNoOutput?: boolean
}

interface Container extends Given {
  readonly id: string
  readonly name: string
  running: boolean
  exitCode: number
  outOfMemory: boolean
  startedAt: string
  /** With the time of each, in seconds since 1970. */
  printed: { readonly at: number; readonly part: Buffer }[]
  readonly listeners: Set<ServerResponse>
}

/** What was asked of the engine: method, path without version, query. */
export interface Asked {
  readonly version: string | undefined
  readonly call: string
  readonly query: Readonly<Record<string, string>>
}

const CODES = { SIGINT: 130, SIGKILL: 137, SIGTERM: 143 } as const
/** A second of its own, so that nobody waits for it. */
const SECOND_MS = 100
const NEVER = '0001-01-01T00:00:00Z'

/** The part of a Docker engine that Gatehouse uses, over real sockets, with containers that are only told of. */
export class FakeEngine {
  readonly asked: Asked[] = []
  readonly #containers = new Map<string, Container>()
  readonly #version: string
  #starts = 0

  constructor(version: string) {
    this.#version = version
  }

  add(name: string, given: Given = {}): void {
    const id = Buffer.from(name.padEnd(32, '.')).toString('hex')
    const listeners = new Set<ServerResponse>()
    const state = { running: false, exitCode: 0, outOfMemory: false, startedAt: NEVER }
    this.#containers.set(name, { ...given, ...state, id, name, listeners, printed: [] })
  }

  remove(name: string): void {
    this.end(name, 137)
    this.#containers.delete(name)
  }

  isRunning(name: string): boolean {
    return this.#containers.get(name)?.running ?? false
  }

  start(name: string): void {
    const container = this.#get(name)
    this.#starts += 1
    container.running = true
    container.exitCode = 0
    container.outOfMemory = false
    container.startedAt = new Date().toISOString().replace('Z', `${100_000 + this.#starts}Z`)
    container.printed = []
    container.onStart?.()
    if (container.greeting) this.print(name, container.greeting)
  }

  /** Ends it as its program's own end would. */
  end(name: string, exitCode: number, outOfMemory = false): void {
    const container = this.#get(name)
    if (!container.running) return
    Object.assign(container, { running: false, exitCode, outOfMemory })
    for (const listener of container.listeners) listener.end()
    container.listeners.clear()
    container.onEnd?.()
  }

  print(name: string, text: string): void {
    const container = this.#get(name)
    const part = framed(text, container.isTerminal ?? false)
    container.printed.push({ at: Date.now() / 1000, part })
    for (const listener of container.listeners) listener.write(part)
  }

  /** Breaks off the output that anybody reads, as a proxy that is restarted would. */
  breakOutput(name: string): void {
    for (const listener of this.#get(name).listeners) listener.destroy()
  }

  /** How many follow its output. */
  readers(name: string): number {
    return this.#get(name).listeners.size
  }

  handle(request: IncomingMessage, reply: ServerResponse) {
    const url = new URL(request.url ?? '/', 'http://engine')
    const [, version, path = ''] = /^(?:\/v([\d.]+))?(\/.*)$/.exec(url.pathname) ?? []
    const query = Object.fromEntries(url.searchParams)
    this.asked.push({ version, call: `${request.method} ${path}`, query })
    if (version !== undefined && Number(version.slice(2)) > Number(this.#version.slice(2))) {
      return answer(reply, 400, { message: `client version ${version} is too new` })
    }
    if (path === '/_ping') {
      reply.setHeader('Api-Version', this.#version)
      return answer(reply, 200)
    }
    if (path === '/containers/json') return this.#list(query, reply)
    const [, name = '', verb = ''] = /^\/containers\/([^/]+)\/(\w+)$/.exec(path) ?? []
    const container = this.#find(name)
    if (!container) return answer(reply, 404, { message: `No such container: ${name}` })
    this.#do(verb, { container, query, reply })
  }

  #do(verb: string, ask: { container: Container; query: Asked['query']; reply: ServerResponse }) {
    const { container, query, reply } = ask
    if (verb === 'json') answer(reply, 200, describe(container))
    else if (verb === 'start') this.#start(container, reply)
    else if (verb === 'stop') this.#stop(container, query, reply)
    else if (verb === 'logs') this.#logs(container, query, reply)
    else answer(reply, 404, { message: 'page not found' })
  }

  #list(query: Asked['query'], reply: ServerResponse): void {
    const { label = [] } = JSON.parse(query.filters ?? '{}')
    const isMeant = ({ labels = {} }: Container) =>
      label.every((each: string) => {
        const [name = '', value] = each.split('=')
        return name in labels && (value === undefined || labels[name] === value)
      })
    const all = [...this.#containers.values()].filter(isMeant)
    const shown = all.filter(({ running }) => running || Boolean(query.all))
    answer(
      reply,
      200,
      shown.map(({ id, name, labels = {} }) => ({ Id: id, Names: [`/${name}`], Labels: labels })),
    )
  }

  #start(container: Container, reply: ServerResponse) {
    const { name, refusal, running } = container
    if (refusal) return answer(reply, refusal.status, { message: refusal.message })
    if (!running) this.start(name)
    answer(reply, running ? 304 : 204)
  }

  #stop(container: Container, query: Asked['query'], reply: ServerResponse) {
    const { name, running, ignoresSignals, stopSignal = 'SIGTERM' } = container
    if (!running) return answer(reply, 304)
    const signal = (query.signal ?? stopSignal) as keyof typeof CODES
    if (ignoresSignals && signal !== 'SIGKILL') {
      setTimeout(() => this.#stopNow(name, CODES.SIGKILL, reply), Number(query.t) * SECOND_MS)
    } else {
      this.#stopNow(name, query.t === '0' ? CODES.SIGKILL : CODES[signal], reply)
    }
  }

  #stopNow(name: string, exitCode: number, reply: ServerResponse): void {
    this.end(name, exitCode)
    answer(reply, 204)
  }

  #logs(container: Container, query: Asked['query'], reply: ServerResponse) {
    const { hasNoOutput } = container
    if (hasNoOutput) return answer(reply, 501, { message: 'this driver does not support reading' })
    reply.writeHead(200)
    reply.flushHeaders()
    for (const { at, part } of container.printed) if (at >= Number(query.since)) reply.write(part)
    if (container.running) container.listeners.add(reply)
    else reply.end()
    reply.on('close', () => container.listeners.delete(reply))
  }

  #find(name: string): Container | undefined {
    const all = [...this.#containers.values()]
    return all.find((container) => container.name === name || container.id === name)
  }

  #get(name: string): Container {
    const container = this.#containers.get(name)
    if (!container) throw new Error(`there is no container ${name}`)
    return container
  }
}

/** An engine that listens for as long as the test runs, and what DOCKER_HOST has to be to reach it. */
export async function startFakeEngine(t: Test, { version = '1.47', socket = '' } = {}) {
  const engine = new FakeEngine(version)
  const server = createServer((request, reply) => engine.handle(request, reply))
  await new Promise<void>((resolve) => {
    if (socket) server.listen(socket, resolve)
    else server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const dockerHost = socket
    ? `unix://${socket}`
    : `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { engine, dockerHost }
}

function describe(container: Container): object {
  const { id, name, running, exitCode, outOfMemory, startedAt, addresses = {} } = container
  const networks = Object.entries(addresses).map(([network, IPAddress]) => [
    network,
    { IPAddress, GlobalIPv6Address: '' },
  ])
  return {
    Id: id,
    Name: `/${name}`,
    State: { Running: running, ExitCode: exitCode, OOMKilled: outOfMemory, StartedAt: startedAt },
    Config: {
      Labels: container.labels ?? {},
      Env: container.env ?? [],
      Tty: container.isTerminal ?? false,
    },
    NetworkSettings: { Networks: Object.fromEntries(networks) },
  }
}

function framed(text: string, isTerminal: boolean): Buffer {
  const bytes = Buffer.from(text)
  if (isTerminal) return bytes
  const head = Buffer.alloc(8)
  head[0] = 1
  head.writeUInt32BE(bytes.length, 4)
  return Buffer.concat([head, bytes])
}

function answer(reply: ServerResponse, status: number, body?: object): void {
  reply.writeHead(status, { 'content-type': 'application/json' })
  reply.end(body && JSON.stringify(body))
}

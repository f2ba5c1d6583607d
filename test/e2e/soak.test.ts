import { Agent, request as ask } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { parseReplies, post, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Proxied, type Received, startProxied } from '../helpers/upstream.js'

/** Ten and more times as much on demand: GATEHOUSE_SOAK=10 npx tap test/e2e/soak.test.ts --timeout=0 */
const TIMES = Number(process.env.GATEHOUSE_SOAK ?? 1)
const EVENTS = 30
const PACE_MS = 10
const STREAM = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

const below = (most: number) => Math.floor(Math.random() * most)
const times = <T>(count: number, make: (at: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at))
const eventOf = (stream: string, at: number) => `data: {"stream":"${stream}","at":${at}}\n\n`

function leave(socket: Socket): void {
  if (below(2) === 0) socket.destroy()
  else socket.resetAndDestroy()
}

/** Connections of clients, connections to the backend, and leases: none is left. */
async function isAtRest({ gateway, server }: Proxied): Promise<void> {
  const counts = [gateway.app.server.server, server].map((each) =>
    promisify(each.getConnections.bind(each)),
  )
  await until('no connection is left', async () => {
    const open = await Promise.all(counts.map((count) => count()))
    return open.every((count) => count === 0)
  })
  for (const { inFlight, waiting } of gateway.app.pool.statuses()) {
    if (inFlight + waiting > 0) throw new Error(`${inFlight} run and ${waiting} wait`)
  }
}

t.test(
  '200 streams at once: half of their clients leave, the others get every event',
  async (t) => {
    const proxied = await startProxied(t, ({ socket, body }) => {
      const { stream } = JSON.parse(String(body))
      socket.write(STREAM)
      let at = 0
      const timer = setInterval(() => {
        if (at < EVENTS) socket.write(eventOf(stream, at++))
        else socket.end('data: [DONE]\n\n')
      }, PACE_MS)
      socket.once('close', () => clearInterval(timer))
    })
    const streams = times(200 * TIMES, async (at) => {
      const stream = `s${at}`
      const client = await rawClient(proxied.port)
      client.socket.write(
        post('/v1/completions', JSON.stringify({ stream }), ['Connection: close']),
      )
      if (at % 2 === 0) {
        await sleep(below(EVENTS * PACE_MS))
        return leave(client.socket)
      }
      await client.over
      const [reply] = parseReplies(client.text())
      const whole = times(EVENTS, (each) => eventOf(stream, each)).join('')
      if (!reply?.isWhole || reply.body !== `${whole}data: [DONE]\n\n`) t.fail(client.text())
    })
    await Promise.all(streams)
    await isAtRest(proxied)
  },
)

for (const dialect of ['openai', 'generic']) {
  t.test(`no request is lost to a connection that its backend closes: ${dialect}`, async (t) => {
    const close = async (socket: Socket) => {
      const pause = below(4)
      if (pause > 0) await sleep(pause - 1)
      if (below(2) === 0 || socket.readableEnded || socket.writableEnded) socket.end()
      else socket.resetAndDestroy() // in the midst of an orderly end, Node never closes it
    }
    const latest = new Map<Socket, Received>()
    const proxied = await startProxied(
      t,
      (request) => {
        const { socket } = request
        latest.set(socket, request)
        socket.write(OK, () => {
          if (below(3) > 0 && latest.get(socket) === request) void close(socket)
        })
      },
      { backend: { dialect, bodies: 'buffer' }, probe: dialect === 'openai' ? '/health' : '/' },
    )
    const agent = new Agent({ keepAlive: true })
    t.teardown(() => agent.destroy())
    const one = (at: number) =>
      new Promise<string>((resolve) => {
        const [method, path] = at % 2 === 0 ? ['GET', '/x'] : ['POST', '/v1/completions']
        const asked = ask(
          { port: proxied.port, host: '127.0.0.1', agent, method, path },
          (reply) => {
            let text = `${reply.statusCode} `
            reply.on('data', (chunk) => {
              text += chunk
            })
            reply.on('end', () => resolve(text))
          },
        )
        asked.on('error', (error) => resolve(error.message))
        asked.end(method === 'POST' ? '{"prompt":"x"}' : undefined)
      })
    const lane = async (count: number) => {
      for (let at = 0; at < count; at += 1) t.equal(await one(at), '200 ok')
    }
    await lane(500 * TIMES)
    await Promise.all(times(4, () => lane(125 * TIMES)))
    t.same(
      proxied.gateway.logged
        .filter(({ outcome }) => outcome !== undefined && outcome !== 'ok')
        .map((x) => x.why),
      [],
    )
  })
}

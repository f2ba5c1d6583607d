import type { Test } from 'tap'
import type { Gateway } from './gateway.js'
import { NO_REPLY, parseReplies, post, type RawClient, rawClient } from './raw-client.js'
import { until } from './until.js'
import { type ProxySettings, type Received, startProxied } from './upstream.js'

export const OFTEN = { listen: { heartbeatInterval: '50ms' } }
const BEAT = ': waiting\n\n'
const OK = 'HTTP/1.1 200 OK\r\n'
export const SSE = 'HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\nx-own: 1\r\n\r\n'

/** The calls whose clients read event streams, and a whole stream of each. */
export const STREAMS: readonly Stream[] = [
  {
    path: '/v1/chat/completions',
    body: '{"stream":true}',
    stream: 'data: {"choices":[{"delta":{"content":": waiting"}}]}\n\ndata: [DONE]\n\n',
  },
  {
    path: '/api/extra/generate/stream',
    body: '{"prompt":"a"}',
    stream: 'event: message\ndata: {"token":"","finish_reason":"stop"}\n\n',
  },
  {
    path: '/v1/messages',
    body: '{"messages":[],"stream" : true}',
    stream: 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  },
  {
    path: '/v1/responses',
    body: '{"stream":true}',
    stream: 'event: response.completed\ndata: {"type":"response.completed"}\n\n',
  },
  { path: '/v1/else', body: '{}', accept: 'text/event-stream', stream: 'data: 1\n\n' },
]

export interface Waiter {
  readonly path: string
  readonly body: string
  readonly accept?: string
}

export interface Stream extends Waiter {
  readonly stream: string
}

/** A backend for one at a time, whose place is taken until `free` is called; what comes then is in `asked`. */
export async function occupied(t: Test, settings: ProxySettings = OFTEN) {
  const asked: Received[] = []
  const { backend, ...others } = settings
  const upstream = await startProxied(t, (request) => void asked.push(request), {
    ...others,
    backend: { concurrency: 1, ...backend },
  })
  const occupant = await enter(t, upstream.gateway)
  occupant.socket.write(post('/v1/completions', '{}'))
  await until('the place is taken', () => asked.length === 1)
  const status = () => upstream.gateway.app.pool.statuses().find(({ name }) => name === 'web')
  return {
    ...{ gateway: upstream.gateway, asked },
    waiting: () => status()?.waiting,
    free: () => void asked[0]?.socket.end(`${OK}content-length: 2\r\n\r\nok`),
    /** Resolves with the next request that reaches the backend. */
    next: async () => {
      const had = asked.length
      await until('the next one is sent', () => asked.length > had)
      return asked[had] as Received
    },
  }
}

export async function enter(t: Test, { port }: Gateway): Promise<RawClient> {
  const client = await rawClient(port)
  t.teardown(() => client.socket.destroy())
  return client
}

/** A client that is gone when the test ends: the gateway's end waits for its own. */
export async function send(t: Test, gateway: Gateway, { path, body, accept }: Waiter) {
  const client = await enter(t, gateway)
  const lines = ['Connection: close', ...(accept ? [`Accept: ${accept}`] : [])]
  client.socket.write(post(path, body, lines))
  return client
}

export const replyOf = (client: RawClient) => parseReplies(client.text())[0] ?? NO_REPLY
export const beats = (client: RawClient, count = 2) =>
  until(`${count} beats came`, () => replyOf(client).body.split(BEAT).length > count, 5_000)
/** What came behind the comments with which the reply begins. */
export const afterBeats = (client: RawClient) =>
  replyOf(client).body.replace(/^(?:: waiting\n\n)+/, '')
export const outcomes = ({ logged }: Gateway, path: string) =>
  logged.filter((line) => line.path === path).map((line) => line.outcome)

import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import {
  dechunk,
  exchange,
  NO_REPLY,
  parseReplies,
  post,
  type RawClient,
  type RawReply,
  rawClient,
} from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startProxied } from '../helpers/upstream.js'

const OK = 'HTTP/1.1 200 OK\r\n'
const ENDS = ['FIN', 'RST'] as const
const VERSIONS = ['HTTP/1.1', 'HTTP/1.0'] as const
type End = (typeof ENDS)[number]

function hangUp(socket: Socket, end: End): void {
  if (end === 'FIN') socket.end()
  else socket.resetAndDestroy()
}

interface Seen {
  readonly over: 'end' | 'reset'
  readonly reply: RawReply
}

/** What the client must be able to tell: nothing that came may pass for a whole reply. */
function isVisiblyBroken({ over, reply }: Seen): boolean {
  return over === 'reset' || (reply.framing !== 'close' && !reply.isWhole)
}

/** A stage on which a backend sends a head and pieces of a body, each once the last has arrived, and hangs up. */
async function stage(t: Test) {
  let client: RawClient
  let script: Script
  const answer = async ({ socket }: Received) => {
    const [head = '', ...pieces] = script.pieces
    socket.write(head)
    await client.sees('\r\n\r\n')
    let wanted = ''
    for (const piece of pieces) {
      socket.write(piece)
      wanted += head.includes('chunked') ? dechunk(piece).body : piece
      await until(`'${piece}' is there`, () => reply().body === wanted, 1_000)
    }
    hangUp(socket, script.end)
  }
  const reply = () => parseReplies(client.text())[0] ?? NO_REPLY
  const upstream = await startProxied(t, (request) => {
    answer(request).catch((error) => {
      t.error(error)
      request.socket.destroy()
    })
  })
  const play = async (path: string, { version = 'HTTP/1.1', ...next }: Script) => {
    script = next
    client = await rawClient(upstream.port)
    const lines = ['Connection: close']
    client.socket.write(post(path, '{"stream":true}', lines).replace('HTTP/1.1', version))
    const over = await client.over
    return { over, reply: reply() }
  }
  return { play, gateway: upstream.gateway }
}

interface Script {
  readonly pieces: readonly string[]
  readonly end: End
  /** Of the client. */
  readonly version?: string
}

t.test('a backend that breaks off before its head is whole gives a 502', async (t) => {
  const { gateway } = await startProxied(t, ({ socket, path }) => {
    const [, end, phase] = path.split('/')
    const bytes = phase === 'mid-head' ? `${OK}content-le` : ''
    socket.write(bytes, () => hangUp(socket, end as End))
  })
  for (const end of ENDS) {
    for (const phase of ['before', 'mid-head']) {
      const reply = await fetch(`${gateway.url}/${end}/${phase}`, { method: 'POST' })
      t.equal(reply.status, 502, `${end} ${phase}`)
      const text = await reply.text()
      t.match(JSON.parse(text), { detail: { code: 'GATEHOUSE_UPSTREAM_FAILED' } })
      t.notMatch(text, /127\.0\.0\.1|ECONN|UND_ERR|socket/i)
    }
  }
})

const LENGTH = `${OK}content-length: 99\r\n\r\n`
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`
const BROKEN: Readonly<Record<string, readonly string[]>> = {
  'after a head with a length': [LENGTH],
  'in a body with a length': [LENGTH, 'half'],
  'after a chunked head': [CHUNKED],
  'in a chunk': [CHUNKED, '9\r\nhalf'],
  'between two chunks': [CHUNKED, '4\r\nhalf\r\n'],
}

for (const [phase, pieces] of Object.entries(BROKEN)) {
  t.test(`a client sees that its reply broke off ${phase}`, async (t) => {
    const { play, gateway } = await stage(t)
    for (const end of ENDS) {
      for (const version of VERSIONS) {
        const seen = await play('/v1/completions', { pieces, end, version })
        t.equal(seen.reply.status, 200, `${end}, client of ${version}`)
        t.equal(seen.reply.body, pieces.length > 1 ? 'half' : '', 'what came was passed on')
        t.ok(isVisiblyBroken(seen), JSON.stringify(seen))
      }
    }
    const broken = () => gateway.logged.filter(({ outcome }) => outcome === 'upstream_broken')
    await until('all are logged as broken', () => broken().length === 4)
  })
}

t.test('a last chunk without its end is no end', async (t) => {
  const { play } = await stage(t)
  const seen = await play('/x', { pieces: [CHUNKED, '4\r\nhalf\r\n', '0\r\n'], end: 'FIN' })
  t.ok(isVisiblyBroken(seen), JSON.stringify(seen))
})

const UNTIL_CLOSE = 'HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\n'

t.test('a body that ends with its connection is whole after a FIN', async (t) => {
  const { play } = await stage(t)
  for (const version of VERSIONS) {
    const { over, reply } = await play('/x', { pieces: [UNTIL_CLOSE, 'all'], end: 'FIN', version })
    t.match({ over, ...reply }, { over: 'end', body: 'all', isWhole: true }, version)
  }
})

t.test('a body that ends with its connection is broken by a reset', async (t) => {
  const { play } = await stage(t)
  for (const version of VERSIONS) {
    const seen = await play('/x', { pieces: [UNTIL_CLOSE, 'half'], end: 'RST', version })
    t.ok(isVisiblyBroken(seen), JSON.stringify(seen))
  }
})

interface Format {
  readonly path: string
  readonly type?: string
  readonly event: string
  /** Each is an end by itself. */
  readonly marks: readonly string[]
  /** What the client is told when the end is missing; undefined: this format has no words for it. */
  readonly error?: RegExp
}

const choice = (text: string, reason: string) =>
  `data: {"choices":[{"index":0,"text":"${text}","finish_reason":${reason}}]}\n\n`
const token = (text: string, reason: string) =>
  `event: message\ndata: {"token": "${text}", "finish_reason": ${reason}}\n\n`
const OPENAI = {
  event: choice('data: [DONE]', 'null'),
  marks: ['data: [DONE]\n\n', choice('', '"stop"'), choice('', '"length"')],
  error: /\n\ndata: \{"error":\{.+\}\}\n\n$/,
}
const NAMED_ERROR = /\n\nevent: error\ndata: \{.+\}\n\n$/
const FORMATS: readonly Format[] = [
  { path: '/api/extra/generate/stream', event: token('a', 'null'), marks: [token('', '"stop"')] },
  { path: '/v1/completions', ...OPENAI },
  { path: '/v1/chat/completions', ...OPENAI },
  {
    path: '/v1/messages',
    event: 'event: content_block_delta\ndata: {"delta":{"text":"event: message_stop"}}\n\n',
    marks: ['event: message_stop\ndata: {"type":"message_stop"}\n\n'],
    error: NAMED_ERROR,
  },
  {
    path: '/v1/responses',
    event: 'event: response.output_text.delta\ndata: {"delta":"event: response.completed"}\n\n',
    marks: ['event: response.completed\ndata: {"type":"response.completed"}\n\n'],
    error: NAMED_ERROR,
  },
  {
    path: '/api/chat',
    type: 'application/x-ndjson',
    event: '{"message":{"content":"\\"done\\":true"},"done":false}\n',
    marks: ['{"message":{"content":""},"done":true}\n'],
    error: /\n\{"error":".+"\}\n$/,
  },
]

for (const { path, type = 'text/event-stream', event, marks, error } of FORMATS) {
  const head = `HTTP/1.0 200 OK\r\ncontent-type: ${type}\r\n\r\n`

  t.test(`a stream of ${path} that ends with its mark is whole`, async (t) => {
    const { play } = await stage(t)
    for (const mark of marks) {
      const half = mark.length - 8
      for (const version of VERSIONS) {
        const pieces = [head, event, mark.slice(0, half), mark.slice(half)]
        const { over, reply } = await play(path, { pieces, end: 'FIN', version })
        t.match({ over, ...reply }, { over: 'end', body: event + mark, isWhole: true }, mark)
      }
    }
  })

  t.test(`a stream of ${path} that ends without its mark is broken`, async (t) => {
    const { play } = await stage(t)
    for (const end of ENDS) {
      for (const version of VERSIONS) {
        const seen = await play(path, { pieces: [head, event], end, version })
        t.ok(isVisiblyBroken(seen), `${end}, client of ${version}`)
        t.ok(seen.reply.body.startsWith(event), 'what came was passed on')
        if (error) t.match(seen.reply.body, error, 'and why it ends')
        else t.equal(seen.reply.body, event, 'and nothing else')
      }
    }
  })
}

t.test('a stream that breaks off right behind its last bytes is broken, too', async (t) => {
  const piece = token('a', 'null')
  const { port } = await startProxied(t, ({ socket }) => {
    socket.end(`HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${piece}`)
  })
  for (const version of VERSIONS) {
    const bytes = post('/api/extra/generate/stream', '{}', ['Connection: close'])
    const { over, reply } = await exchange(port, bytes.replace('HTTP/1.1', version))
    t.equal(reply.body, piece, 'what came was passed on')
    t.ok(isVisiblyBroken({ over, reply }), `client of ${version}`)
  }
})

t.test('a stream whose framing says that it is whole needs no mark', async (t) => {
  const { play } = await stage(t)
  const head = `${OK}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n`
  const pieces = [head, '9\r\ndata: 1\n\n\r\n', '0\r\n\r\n']
  const { over, reply } = await play('/v1/completions', { pieces, end: 'FIN' })
  t.match({ over, ...reply }, { over: 'end', body: 'data: 1\n\n', isWhole: true })
})

t.test(
  'only what may be asked twice is sent again, once, when a kept connection dies',
  async (t) => {
    const replies = { '/first': `${OK}content-length: 2\r\n\r\nok` }
    const upstream = await startProxied(t, ({ socket, path }) => {
      if (path === '/first') socket.write(replies[path])
      else socket.destroy() // it has read the request, and may have done what that asks for
    })
    for (const [method, times] of Object.entries({ POST: 1, PATCH: 1, GET: 2, PUT: 2 })) {
      await (await fetch(`${upstream.gateway.url}/first`)).text()
      const body = method === 'GET' ? null : '{}'
      const { status } = await fetch(`${upstream.gateway.url}/${method}`, { method, body })
      t.equal(status, 502)
      const asked = upstream.received.filter(({ path }) => path === `/${method}`)
      t.ok(asked.length <= times, `${method} was sent ${asked.length} times`)
    }
  },
)

// biome-ignore-all lint/style/noExcessiveLinesPerFile: the plans, the two who play them and the judge make sense only together
import { createHook } from 'node:async_hooks'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import {
  exchange,
  get,
  parseReplies,
  type RawClient,
  type RawReply,
  rawClient,
  repliesTo,
  valuesOf,
} from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Proxied, type Received, startProxied } from '../helpers/upstream.js'

/** Thousands on demand: GATEHOUSE_FUZZ_RUNS=3000 npx tap test/e2e/fuzz.test.ts --timeout=0 */
const RUNS = Number(process.env.GATEHOUSE_FUZZ_RUNS ?? 3)
/** What a failure printed does the same again: GATEHOUSE_FUZZ_SEED, GATEHOUSE_FUZZ_PATH and GATEHOUSE_FUZZ_DIALECT. */
const SEED = Number(process.env.GATEHOUSE_FUZZ_SEED ?? Date.now() % 1_000_000)
const PATH = process.env.GATEHOUSE_FUZZ_PATH
const ONLY = process.env.GATEHOUSE_FUZZ_DIALECT
/** Nothing planned here takes nearly as long. */
const HANGS_MS = 5_000
/** Finding a smaller case that fails, too, takes minutes. */
const SHRINKS = process.env.GATEHOUSE_FUZZ_SHRINK !== undefined

interface Stage {
  readonly dialect: string
  readonly backend: object
  readonly probe: string
}
const STAGES: readonly Stage[] = [
  { dialect: 'openai', backend: { dialect: 'openai' }, probe: '/health' },
  { dialect: 'generic', backend: { dialect: 'generic', bodies: 'stream' }, probe: '/' },
  { dialect: 'koboldcpp', backend: { dialect: 'koboldcpp' }, probe: '/api/extra/version' },
]

/** Each is a path, how it is streamed, and what says that the stream is at its end. */
const FORMATS = {
  plain: { path: '/x', type: 'application/octet-stream', event: '', mark: '' },
  openai: {
    path: '/v1/chat/completions',
    type: 'text/event-stream',
    event: 'data: {"choices":[{"delta":{"content":"N"},"finish_reason":null}]}\n\n',
    mark: 'data: [DONE]\n\n',
  },
  kobold: {
    path: '/api/extra/generate/stream',
    type: 'text/event-stream',
    event: 'event: message\ndata: {"token":"N","finish_reason":null}\n\n',
    mark: 'event: message\ndata: {"token":"","finish_reason":"stop"}\n\n',
  },
  ollama: {
    path: '/api/chat',
    type: 'application/x-ndjson',
    event: '{"message":{"content":"N"},"done":false}\n',
    mark: '{"message":{"content":""},"done":true}\n',
  },
} as const

const share = fc.nat(1000)
/** Where bytes are split, and what is waited for there. */
const splits = fc.array(fc.record({ at: share, pause: fc.nat(4) }), { maxLength: 5 })
const size = fc.oneof(
  { weight: 6, arbitrary: fc.nat(300) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 300_000 }) },
)
const lines = fc.array(
  fc.tuple(
    fc.constantFrom('X-One', 'x-two', 'set-cookie', 'ETag', 'x-hop', 'Keep-Alive', 'vary'),
    fc.constantFrom('a', '', 'caf\xe9', 'a, b;c="d"', '\xfe\xff', 'timeout=7'),
  ),
  { maxLength: 4 },
)
const replyPlan = fc.record({
  version: fc.constantFrom('HTTP/1.1', 'HTTP/1.0'),
  status: fc.constantFrom(200, 200, 200, 200, 201, 204, 304, 404, 500, 503),
  interims: fc.array(fc.constantFrom(100, 103), { maxLength: 2 }),
  lines,
  framing: fc.constantFrom('length', 'chunked', 'close'),
  size,
  chunks: fc.array(share, { maxLength: 5 }),
  hasExtensions: fc.boolean(),
  hasTrailers: fc.boolean(),
  hasMark: fc.boolean(),
  /** Whether it is sent before the request is whole. */
  isEarly: fc.boolean(),
  splits,
  breaks: fc.option(fc.record({ at: share, how: fc.constantFrom('FIN', 'RST') }), { freq: 1 }),
  after: fc.constantFrom('keep', 'close', 'FIN', 'RST'),
})
const requestPlan = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
  format: fc.constantFrom('plain', 'plain', 'openai', 'kobold', 'ollama'),
  body: fc.option(fc.record({ size, chunks: fc.option(fc.array(share, { maxLength: 4 })) })),
  splits,
  reply: replyPlan,
})
const sessionPlan = fc.record({
  version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
  requests: fc.array(requestPlan, { minLength: 1, maxLength: 3 }),
  leaves: fc.option(
    fc.record({
      when: fc.constantFrom('in the request', 'in the reply', 'soon', 'half'),
      at: share,
      how: fc.constantFrom('FIN', 'RST'),
    }),
    { freq: 1 },
  ),
})
type ReplyPlan = typeof replyPlan extends fc.Arbitrary<infer T> ? T : never
type RequestPlan = typeof requestPlan extends fc.Arbitrary<infer T> ? T : never
type SessionPlan = typeof sessionPlan extends fc.Arbitrary<infer T> ? T : never

const PATTERN = Buffer.from(
  Array.from({ length: 400_000 }, (_, at) => (at * 31 + (at >> 8)) & 0xff),
)
const bytesOf = (length: number) => PATTERN.subarray(length & 0xff, (length & 0xff) + length)
const offset = (at: number, length: number) => Math.floor((at * length) / 1000)

function chunked(body: Buffer, at: readonly number[], extension = ''): Buffer {
  const ends = [...at.map((each) => offset(each, body.length)), body.length].sort((a, b) => a - b)
  const parts: Buffer[] = []
  let begin = 0
  for (const end of ends) {
    if (end > begin) {
      parts.push(Buffer.from(`${(end - begin).toString(16)}${extension}\r\n`))
      parts.push(body.subarray(begin, end), Buffer.from('\r\n'))
    }
    begin = end
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n')])
}

type Line = readonly [name: string, value: string]
interface Place {
  readonly id: number
  /** Of the client. */
  readonly version: string
  readonly isLast: boolean
}

/** The bytes of one exchange, and what its client must make of them. */
class Script {
  readonly plan: RequestPlan
  readonly path: string
  readonly request: Buffer
  readonly requestBody: Buffer
  readonly reply: Buffer
  readonly replyHead: number
  /** Those that pass. */
  readonly lines: readonly Line[]
  readonly trailers: readonly Line[]
  readonly body: Buffer
  readonly framing: ReplyPlan['framing'] | 'none'
  /** Its connection may be used again. */
  readonly isKept: boolean
  readonly receptions: Received[] = []
  /** How much of the request was sent. */
  sentBytes = 0

  constructor(plan: RequestPlan, place: Place) {
    const { reply, format } = plan
    this.plan = plan
    this.path = `${FORMATS[format].path}?id=${place.id}`
    this.requestBody = requestBodyOf(plan)
    this.request = this.#requestBytes(place)
    this.framing = framingOf(reply)
    const whole = bodyOf(plan)
    this.body = this.#isBodiless ? Buffer.alloc(0) : whole
    const isDelimited = this.framing !== 'close' || this.#isBodiless
    const isNew = reply.version === 'HTTP/1.1'
    this.isKept = isNew && isDelimited && reply.after !== 'close' && !reply.breaks
    const length: Line[] =
      this.framing === 'length' ? [['Content-Length', String(whole.length)]] : []
    this.lines = [['content-type', FORMATS[format].type], ...reply.lines, ...length]
    this.trailers = this.#isChunked && reply.hasTrailers ? [['X-Sum', 'caf\xe9']] : []
    const interims = isNew ? reply.interims.map(interim).join('') : ''
    const head = Buffer.from(`${interims}${this.#replyLines()}\r\n`, 'latin1')
    this.replyHead = head.length
    this.reply = Buffer.concat([head, this.#isChunked ? this.#chunkedBody() : this.body])
  }

  #requestBytes({ version, isLast }: Place): Buffer {
    const { method, body } = this.plan
    const { length } = this.requestBody
    const chunks = version === 'HTTP/1.1' ? body?.chunks : null
    const head = [`${method} ${this.path} ${version}`, 'Host: door']
    if (body) head.push(chunks ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`)
    head.push(`Connection: ${isLast ? 'close' : 'keep-alive'}`, '', '')
    const sent = chunks
      ? [chunked(this.requestBody, chunks), Buffer.from('\r\n')]
      : [this.requestBody]
    return Buffer.concat([Buffer.from(head.join('\r\n')), ...sent])
  }

  #replyLines(): string {
    const { version, status } = this.plan.reply
    const own: Line[] = [['Connection', this.isKept ? 'x-hop' : 'x-hop, close']]
    if (this.framing === 'chunked') own.push(['Transfer-Encoding', 'chunked'])
    if (this.trailers.length > 0) own.push(['Trailer', 'X-Sum'])
    return `${version} ${status} Some Words\r\n${onTheWire([...this.lines, ...own])}`
  }

  #chunkedBody(): Buffer {
    const { chunks, hasExtensions } = this.plan.reply
    const end = Buffer.from(`${onTheWire(this.trailers)}\r\n`, 'latin1')
    return Buffer.concat([chunked(this.body, chunks, hasExtensions ? ';a="b c";d' : ''), end])
  }

  get #isChunked(): boolean {
    return this.framing === 'chunked' && !this.#isBodiless
  }

  /** How much of the reply is sent. */
  get replyEnd(): number {
    const { breaks } = this.plan.reply
    return breaks ? offset(breaks.at, this.reply.length) : this.reply.length
  }

  /** Whether its end shows by nothing but a mark in the stream, and that does not come. */
  get lacksMark(): boolean {
    const { format, method } = this.plan
    if (format === 'plain' || method !== 'POST' || this.framing !== 'close') return false
    if (this.#isBodiless) return false
    const { mark } = FORMATS[format]
    return !this.#sentBody.includes(mark.trimEnd())
  }

  /** What a client may take for the whole body. */
  get wholeBodies(): string[] {
    if (this.lacksMark || this.replyEnd < this.replyHead) return []
    const { breaks } = this.plan.reply
    const endsByClose = this.framing === 'close' && !this.#isBodiless
    if (endsByClose) return breaks?.how === 'RST' ? [] : [this.#sentBody]
    return this.replyEnd === this.reply.length ? [this.body.toString('latin1')] : []
  }

  /** The body of a reply that ends with its connection, as far as it is sent. */
  get #sentBody(): string {
    return this.reply.toString('latin1', Math.min(this.replyHead, this.replyEnd), this.replyEnd)
  }

  get #isBodiless(): boolean {
    const { method, reply } = this.plan
    return method === 'HEAD' || reply.status === 204 || reply.status === 304
  }
}

function onTheWire(lines: readonly Line[]): string {
  return lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
}

/** HTTP/1.0 knows no chunks, and a 204 has no framing at all. */
function framingOf({ status, version, framing }: ReplyPlan): Script['framing'] {
  if (status === 204) return 'none'
  return version === 'HTTP/1.0' && framing === 'chunked' ? 'close' : framing
}

function interim(status: number): string {
  return `HTTP/1.1 ${status} Wait\r\n${status === 103 ? 'link: </a>\r\n' : ''}\r\n`
}

function requestBodyOf({ body, format }: RequestPlan): Buffer {
  if (!body) return Buffer.alloc(0)
  if (format === 'plain') return bytesOf(body.size)
  return Buffer.from(`{"stream":true,"prompt":"${'x'.repeat(body.size)}"}`)
}

function bodyOf({ format, reply }: RequestPlan): Buffer {
  if (format === 'plain') return bytesOf(reply.size)
  const { event, mark } = FORMATS[format]
  let events = ''
  for (let at = 0; events.length < reply.size; at += 1) events += event.replace('N', String(at))
  return Buffer.from(events + (reply.hasMark ? mark : ''))
}

async function pause(kind: number): Promise<void> {
  if (kind === 1) await nextTurn()
  else if (kind > 1) await sleep(kind - 1)
}

/** Writes these bytes up to `end`; what is left of them is of no use once nobody reads any more. */
async function write(
  socket: Socket,
  bytes: Buffer,
  { splits, end = bytes.length }: { splits: RequestPlan['splits']; end?: number },
): Promise<void> {
  let begin = 0
  for (const { at, kind } of splits
    .map((split) => ({ at: offset(split.at, bytes.length), kind: split.pause }))
    .sort((a, b) => a.at - b.at)) {
    const stop = Math.min(at, end)
    if (stop > begin && socket.writable) socket.write(bytes.subarray(begin, stop))
    begin = Math.max(begin, stop)
    await pause(kind)
  }
  if (end > begin && socket.writable) socket.write(bytes.subarray(begin, end))
}

/** In the midst of an orderly end Node would take a reset for done, and never close the socket. */
function reset(socket: Socket): void {
  if (socket.readableEnded || socket.writableEnded) socket.end()
  else socket.resetAndDestroy()
}

async function hangUp(socket: Socket, how: string): Promise<void> {
  if (how === 'FIN') return void socket.end()
  // Bytes and a reset that are found together are taken for an end (libuv, uv__stream_io).
  await sleep(10)
  await nextTurn()
  await nextTurn()
  reset(socket)
}

let made = 0
/** What a client that has left had sent may come when the next are at it already. */
const REMEMBERED = 300
const scripts = new Map<string, Script>()
/** What a connection was asked for last: it is not reset under somebody else's reply. */
const latest = new WeakMap<Socket, Script>()
/** All that the gateway ever opened to a backend. */
const sockets = new Set<Socket>()
const answered = new WeakSet<Script>()

/** What the system's buffers take at once. */
const SHORT_BYTES = 50_000

const PROBES: Readonly<Record<string, string>> = {
  '/': '{}',
  '/health': '{}',
  '/api/extra/version': '{"result":"KoboldCpp","llm":true}',
  '/api/extra/abort': '{"success":"true"}',
}

/** What the backend makes of a request. */
async function answer(request: Received): Promise<void> {
  const { path, socket } = request
  sockets.add(socket.setNoDelay(true)) // Nagle would hold bytes back, which a reset then overtakes
  const probe = PROBES[path]
  if (probe !== undefined) return void socket.end(`HTTP/1.0 200 OK\r\n\r\n${probe}`)
  const script = scripts.get(path)
  if (!script) throw new Error(`nobody sent ${path}`)
  script.receptions.push(request)
  latest.set(socket, script)
  const { reply } = script.plan
  const isWhole = () => request.isWhole || socket.destroyed
  if (!reply.isEarly) await until('its body is whole', isWhole, HANGS_MS)
  await write(socket, script.reply, { splits: reply.splits, end: script.replyEnd })
  answered.add(script)
  await finish(socket, script)
}

async function finish(socket: Socket, script: Script): Promise<void> {
  const { breaks, after } = script.plan.reply
  if (breaks) return hangUp(socket, breaks.how)
  // What a reset overtakes is lost: of a long reply some may still be on its way.
  const isLong = after === 'RST' && script.reply.length > SHORT_BYTES
  if (!script.isKept || isLong || after === 'FIN' || after === 'close') return void socket.end()
  if (after === 'keep') return
  await sleep(10)
  if (latest.get(socket) === script) reset(socket)
}

interface Seen {
  readonly reply: RawReply | undefined
  /** Early hints before it. */
  readonly hints: number
  /** Undefined: the connection is still open. */
  readonly over: 'end' | 'reset' | undefined
  readonly isGone: boolean
  readonly isHalf: boolean
  readonly version: string
}

/** One client, and what it has of its replies. */
class Player {
  readonly #client: RawClient
  readonly #version: string
  readonly #methods: string[] = []
  #over: 'end' | 'reset' | undefined

  constructor(client: RawClient, version: string) {
    this.#client = client
    this.#version = version
    void client.over.then((how) => {
      this.#over = how
    })
  }

  /** Its requests one after the other, each judged, as long as its connection holds; returns what was wrong. */
  async play({ requests, leaves }: SessionPlan, stage: Stage): Promise<string[]> {
    for (const [at, plan] of requests.entries()) {
      const isLast = at === requests.length - 1
      const script = new Script(plan, { id: made++, version: this.#version, isLast })
      scripts.set(script.path, script)
      const seen = await this.#exchange(script, isLast ? leaves : null)
      const fault = seen ? judgeReply(script, seen, stage) : 'hangs'
      if (fault) return [`${script.path}: ${inPrint(fault)}`, JSON.stringify(plan)]
      if (!seen?.reply?.isWhole || this.#over || saysClose(seen.reply)) break
    }
    return []
  }

  async #exchange(script: Script, leaves: SessionPlan['leaves']): Promise<Seen | undefined> {
    const { socket } = this.#client
    const { request, plan } = script
    const before = this.#replies().length
    this.#methods.push(plan.method)
    const isCut = leaves?.when === 'in the request'
    script.sentBytes = isCut ? offset(leaves.at, request.length) : request.length
    await write(socket, request, { splits: plan.splits, end: script.sentBytes })
    const isHalf = leaves?.when === 'half'
    if (isHalf) socket.end()
    else if (leaves) await this.#leave(leaves)
    else await bounded(repliesTo(this.#client, this.#methods))
    if (isHalf) await bounded(this.#client.over)
    const isHanging = !leaves && !this.#over && this.#finals().length < this.#methods.length
    if (isHanging || (isHalf && !this.#over)) return undefined
    const replies = this.#replies().slice(before)
    return {
      reply: replies.find(({ status }) => status >= 200),
      hints: replies.filter(({ status }) => status === 103).length,
      over: this.#over,
      isGone: leaves !== null && !isHalf,
      isHalf,
      version: this.#version,
    }
  }

  async #leave({ when, at, how }: NonNullable<SessionPlan['leaves']>): Promise<void> {
    const { socket, text } = this.#client
    const enough = text().length + at / 3
    const hasCome = () => text().length >= enough || this.#over !== undefined
    if (when === 'in the reply') await until('enough has come', hasCome, HANGS_MS)
    else await sleep(at / 100)
    if (how === 'FIN') socket.destroy()
    else reset(socket)
  }

  #replies(): RawReply[] {
    return parseReplies(this.#client.text(), this.#methods)
  }

  #finals(): RawReply[] {
    return this.#replies().filter(({ status, isWhole }) => status >= 200 && isWhole)
  }
}

/** Bytes as they may stand in a test's report. */
function inPrint(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (char) => (char === '\n' ? '|' : '?'))
}

function saysClose(reply: RawReply): boolean {
  return valuesOf(reply, 'connection').some((value) => /close/i.test(value))
}

async function bounded(work: Promise<unknown>): Promise<void> {
  const clock = new AbortController()
  const late = sleep(HANGS_MS, undefined, { signal: clock.signal }).catch(() => {})
  await Promise.race([work, late])
  clock.abort()
}

const NOT_COMPARED =
  /^(?:connection|keep-alive|transfer-encoding|date|x-request-id|x-accel-buffering|x-gatehouse-.*|x-hop|trailer)$/i
const inWords = (lines: RawReply['lines']) =>
  lines
    .filter(([name]) => !NOT_COMPARED.test(name))
    .map((line) => line.join(': '))
    .join('\n')

/** Says what is wrong with a reply; undefined: nothing. */
function judgeReply(script: Script, seen: Seen, stage: Stage): string | undefined {
  const { reply, isGone } = seen
  if (!reply) return mayHaveNone(seen) ? undefined : 'no reply'
  const isCutInHead = reply.framing === 'none' && !reply.isWhole
  if (isGone && (isCutInHead || isOwnError(reply))) return undefined
  if (!isOwnError(reply)) return judgeAnswer(script, reply, seen)
  return mayFail(script, stage) ? undefined : 'an error of its own'
}

/** Before its answer, a client of HTTP/1.0 that has ended its side cannot be told from one that is gone. */
function mayHaveNone({ isGone, isHalf, version }: Seen): boolean {
  return isGone || (isHalf && version === 'HTTP/1.0')
}

function judgeAnswer(script: Script, reply: RawReply, seen: Seen): string | undefined {
  if (reply.status !== script.plan.reply.status) return `status ${reply.status}`
  if (inWords(reply.lines) !== inWords(script.lines))
    return `not the lines ${inWords(script.lines)}`
  const body = seen.isHalf ? reply.body.replaceAll(':\n\n', '') : reply.body
  const isEnded = reply.framing !== 'close' || (seen.over === 'end' && !seen.isGone)
  if (reply.isWhole && isEnded) return judgeWhole(script, { ...reply, body }, seen)
  return judgeBroken(script, body, seen.isGone)
}

function judgeWhole(script: Script, reply: RawReply, { hints, version }: Seen): string | undefined {
  const { plan, trailers } = script
  if (!script.wholeBodies.includes(reply.body)) return 'a reply that looks whole and is not'
  if (reply.framing === 'chunked' && inWords(reply.trailers) !== inWords(trailers))
    return 'other trailers'
  const knowsHints = version === 'HTTP/1.1' && plan.reply.version === 'HTTP/1.1'
  const sent = knowsHints ? plan.reply.interims.filter((each) => each === 103).length : 0
  return hints === sent ? undefined : `${hints} early hints`
}

function judgeBroken(script: Script, got: string, isGone: boolean): string | undefined {
  const mayBreak = isGone || script.plan.reply.breaks || script.lacksMark
  if (!mayBreak) return 'a reply that is whole and looks broken'
  const want = script.body.toString('latin1')
  const isPart = want.startsWith(got) || want.startsWith(withoutErrorEvent(got))
  return isPart ? undefined : 'other bytes before it broke'
}

/** What tells a client of an error in the midst of its stream. */
function withoutErrorEvent(body: string): string {
  return body.replace(/(?:data: )?\{"error":.*\}\n+$/, '')
}

function isOwnError({ status, lines }: RawReply): boolean {
  return (
    status >= 502 && valuesOf({ lines }, 'content-type')[0]?.startsWith('application/json') === true
  )
}

/** Whether it may come to nothing: for a break, or for a connection that closed as it was used again. */
function mayFail(script: Script, stage: Stage): boolean {
  const { breaks } = script.plan.reply
  if (breaks && (script.replyEnd < script.replyHead || breaks.how === 'RST')) return true
  return !canRepeat(script, stage) && stage.dialect !== 'koboldcpp'
}

function canRepeat({ plan }: Script, { dialect }: Stage): boolean {
  if (dialect === 'generic' && plan.body) return false
  return (
    !['POST', 'PATCH'].includes(plan.method) || (plan.method === 'POST' && plan.format !== 'plain')
  )
}

/** Says what is wrong with what came of a request; undefined: nothing. */
function judgeRequest(script: Script, stage: Stage): string | undefined {
  const { receptions } = script
  const most = canRepeat(script, stage) && stage.dialect !== 'koboldcpp' ? 2 : 1
  if (receptions.length > most) return `was sent ${receptions.length} times`
  return receptions.map((each) => judgeReception(script, each)).find((fault) => fault !== undefined)
}

function judgeReception(script: Script, { method, body, isWhole }: Received): string | undefined {
  const want = script.requestBody.toString('latin1')
  const key = /,"genkey":"[-0-9a-z]*"?}?$/ // KoboldCpp's, of which nothing may be there yet but its begin
  const got = body.toString('latin1').replace(/,"genkey":"[-0-9a-z]+"}$/, '}')
  if (method !== script.plan.method) return `came as ${method}`
  if (isWhole && script.sentBytes < script.request.length) return 'looks whole and is not'
  if (isWhole) return got === want ? undefined : 'came with another body'
  return want.startsWith(got.replace(key, '')) ? undefined : 'came with other bytes and broke off'
}

/** The timers that something in src/ has made, by where. */
const timers = new Map<number, string>()
const hook = createHook({
  init(id, type) {
    if (type !== 'Timeout') return
    const maker = /\/src\/.*/.exec(new Error().stack ?? '')?.[0]
    // That one goes on as long as the backend does.
    if (maker && !maker.includes('liveness')) timers.set(id, maker)
  },
  destroy(id) {
    timers.delete(id)
  },
})

function resources(): string {
  const kinds = process.getActiveResourcesInfo().filter((kind) => !/Immediate|FSReq/.test(kind))
  return [...kinds, ...timers.values()].sort().join('\n')
}

function isOver(socket: Socket): boolean {
  const script = latest.get(socket)
  return socket.destroyed || (script?.isKept === true && answered.has(script))
}

/** Nothing of a run outlives it, but connections that may be used again. */
async function settle({ gateway, received }: Proxied): Promise<void> {
  const isIdle = () =>
    gateway.app.pool.statuses().every(({ inFlight, waiting }) => inFlight + waiting === 0)
  const clients = promisify(
    gateway.app.server.server.getConnections.bind(gateway.app.server.server),
  )
  await until('no client is left', async () => (await clients()) === 0, HANGS_MS)
  await until('no lease is left', isIdle, HANGS_MS)
  await until('no request is left', () => [...sockets].every(isOver), HANGS_MS)
  for (const socket of sockets) if (socket.destroyed) sockets.delete(socket)
  received.length = 0
}

async function runOf(stage: Stage, proxied: Proxied, sessions: readonly SessionPlan[]) {
  for (const path of [...scripts.keys()].slice(0, -REMEMBERED)) scripts.delete(path)
  const begin = made
  const playing = sessions.map(async (plan) => {
    const client = await rawClient(proxied.port)
    const faults = await new Player(client, plan.version).play(plan, stage)
    client.socket.destroy()
    return faults
  })
  const faults = (await Promise.all(playing)).flat()
  await settle(proxied)
  for (const script of made > begin ? [...scripts.values()].slice(begin - made) : []) {
    const fault = judgeRequest(script, stage)
    if (fault) faults.push(`${script.path}: the request ${fault}`)
  }
  const logged = proxied.gateway.logged.splice(0).map((line) => JSON.stringify(line))
  return faults.length > 0 ? [...faults, ...logged] : []
}

for (const stage of STAGES.filter(({ dialect }) => !ONLY || ONLY === dialect)) {
  t.test(`whatever happens to an exchange, nobody is told a lie: ${stage.dialect}`, async (t) => {
    hook.enable()
    t.teardown(() => hook.disable())
    const proxied = await startProxied(
      t,
      (request) => answer(request).catch((error) => void t.error(error)),
      { answersAt: 'head', probe: 'seen', backend: stage.backend },
    )
    await exchange(proxied.port, get('/health', ['Connection: close']))
    await settle(proxied)
    await until(
      'the gateway has asked what it asks by itself',
      () => !/front|TCPSocket/.test(resources()),
    )
    const before = resources()
    const sessions = fc.array(sessionPlan, { minLength: 1, maxLength: 30, size: 'max' })
    const property = fc.asyncProperty(sessions, async (plan) => {
      const faults = await runOf(stage, proxied, plan)
      if (faults.length === 0) return
      t.comment(faults.join('\n'))
      throw new Error(faults[0])
    })
    t.comment(`seed ${SEED}`)
    const again = { seed: SEED, ...(PATH && { path: PATH }) }
    await fc.assert(property, { numRuns: RUNS, endOnFailure: !SHRINKS, ...again })
    for (const socket of sockets) socket.destroy()
    await until('all is as before', () => resources() === before, HANGS_MS).catch(() => {})
    t.equal(resources(), before, 'no socket and no timer is left')
  })
}

import { once } from 'node:events'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import t from 'tap'
import { exchange, rawClient, repliesTo } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, saying, startProxied } from '../helpers/upstream.js'

const TE = 'Transfer-Encoding'
const GET = 'GET /p HTTP/1.1\r\nHost: a\r\n'
const POST = 'POST /p HTTP/1.1\r\nHost: a\r\n'

/** A request with these lines that say how long it is, and with no body but this. */
function framed(lines: string, body = ''): string {
  return `${POST}${lines}\r\n\r\n${body}`
}

/** With an empty body in chunks. */
function coded(lines: string): string {
  return framed(lines, '0\r\n\r\n')
}

function chunked(chunks: string): string {
  return framed(`${TE}: chunked`, chunks)
}

/** One request each that two readers may take for two different ones, or that no honest client sends. */
const REFUSED: Readonly<Record<string, string>> = {
  'Content-Length and Transfer-Encoding': coded(`Content-Length: 5\r\n${TE}: chunked`),
  'Transfer-Encoding and Content-Length': coded(`${TE}: chunked\r\nContent-Length: 5`),
  'two lengths': framed('Content-Length: 5\r\nContent-Length: 6', 'hello1'),
  'the same length twice': framed('Content-Length: 5\r\nContent-Length: 5', 'hello'),
  'a list of lengths': framed('Content-Length: 5, 6', 'hello1'),
  'a list of equal lengths': framed('Content-Length: 5, 5', 'hello'),
  'a length with a plus': framed('Content-Length: +5', 'hello'),
  'a length below nothing': framed('Content-Length: -5', 'hello'),
  'a length with a point': framed('Content-Length: 5.0', 'hello'),
  'a hexadecimal length': framed('Content-Length: 0x5', 'hello'),
  'a length in two parts': framed('Content-Length: 5 5', 'hello'),
  'an empty length': framed('Content-Length: '),
  'a length beyond 64 bits': framed('Content-Length: 18446744073709551621', 'hello'),
  'a length of just 64 bits': framed('Content-Length: 18446744073709551615', 'hello'),
  'a length beyond 53 bits': framed('Content-Length: 9007199254740993', 'hello'),
  'a length with a vertical tab': framed('Content-Length: 5\x0b', 'hello'),
  'a length behind a hard space': framed('Content-Length: \xa05', 'hello'),
  'the coding xchunked': coded(`${TE}: xchunked`),
  'the coding chunkedx': coded(`${TE}: chunkedx`),
  'a quoted coding': coded(`${TE}: "chunked"`),
  'a coding with a parameter': coded(`${TE}: chunked;a=b`),
  'chunked and identity': coded(`${TE}: chunked, identity`),
  'gzip and chunked': coded(`${TE}: gzip, chunked`),
  'identity alone': coded(`${TE}: identity`),
  'chunked twice in a line': coded(`${TE}: chunked, chunked`),
  'a comma before the coding': coded(`${TE}: ,chunked`),
  'a comma behind the coding': coded(`${TE}: chunked,`),
  'a vertical tab before the coding': coded(`${TE}: \x0bchunked`),
  'a form feed before the coding': coded(`${TE}: \x0cchunked`),
  'a hard space before the coding': coded(`${TE}: \xa0chunked`),
  'a NUL behind the coding': coded(`${TE}: chunked\0`),
  'an empty coding': coded(`${TE}:`),
  'a space before the colon': coded(`${TE} : chunked`),
  'a tab before the colon': coded(`${TE}\t: chunked`),
  'a vertical tab before the colon': coded(`${TE}\x0b: chunked`),
  'a folded coding': coded(`${TE}:\r\n chunked`),
  'a coding in a folded line': coded(`X: y\r\n ${TE}: chunked`),
  'two lines chunked': coded(`${TE}: chunked\r\n${TE}: chunked`),
  'identity, then chunked': coded(`${TE}: identity\r\n${TE}: chunked`),
  'chunked, then identity': coded(`${TE}: chunked\r\n${TE}: identity`),
  'a coding behind a bare CR': coded(`X: a\r${TE}: chunked`),
  'a coding behind a bare LF': coded(`X: a\n${TE}: chunked`),
  'a coding that ends in a bare LF': `${POST}${TE}: chunked\n\r\n0\r\n\r\n`,
  'a coding in HTTP/1.0': `POST /p HTTP/1.0\r\nHost: a\r\n${TE}: chunked\r\n\r\n0\r\n\r\n`,
  'a hexadecimal chunk size': chunked('0x5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size with a plus': chunked('+5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size below nothing': chunked('-5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size with an underscore': chunked('0_5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size of 17 digits': chunked('10000000000000005\r\nhello\r\n0\r\n\r\n'),
  'no chunk size': chunked('\r\nhello\r\n0\r\n\r\n'),
  'a space before a chunk size': chunked(' 5\r\nhello\r\n0\r\n\r\n'),
  'a space behind a chunk size': chunked('5 \r\nhello\r\n0\r\n\r\n'),
  'a chunk without CRLF': chunked('5\r\nhello0\r\n\r\n'),
  'a chunk size that ends in LF': chunked('5\nhello\r\n0\r\n\r\n'),
  'a chunk size that ends in CR': chunked('5\rhello\r\n0\r\n\r\n'),
  'a chunk that ends in LF': chunked('5\r\nhello\n0\r\n\r\n'),
  'an LF in a chunk extension': chunked('5;a\nhello\r\n0\r\n\r\n'),
  'a CR in a chunk extension': chunked('5;a\rb\r\nhello\r\n0\r\n\r\n'),
  'a line end in a quoted chunk extension': chunked('5;a="\r\nhello"\r\n0\r\n\r\n'),
  'a chunk extension without end': chunked(`5;${'a'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`),
  'a last chunk that ends in LF': chunked('5\r\nhello\r\n0\n\n'),
  'a length in a trailer': chunked('0\r\nContent-Length: 9\r\n\r\n'),
  'a coding in a trailer': chunked(`0\r\n${TE}: chunked\r\n\r\n`),
  'lines that end in LF': 'GET /p HTTP/1.1\nHost: a\n\n',
  'a head that ends in LF': `${GET}\n`,
  'a bare CR in a value': `${GET}X: a\rb\r\n\r\n`,
  'a bare LF in a value': `${GET}X: a\nY: b\r\n\r\n`,
  'a NUL in a value': `${GET}X: a\0b\r\n\r\n`,
  'a control character in a value': `${GET}X: a\x01b\r\n\r\n`,
  'a folded line': `${GET}X: a\r\n b\r\n\r\n`,
  'a line without a name': `${GET}: x\r\n\r\n`,
  'a line without a colon': `${GET}foo\r\n\r\n`,
  'a space in a name': `${GET}X y: x\r\n\r\n`,
  'brackets in a name': `${GET}X(y): x\r\n\r\n`,
  'a slash in a name': `${GET}X/y: x\r\n\r\n`,
  'a NUL in a name': `${GET}X\0y: x\r\n\r\n`,
  'a letter beyond ASCII in a name': `${GET}X\xe9: x\r\n\r\n`,
  'a space before the first line': 'GET /p HTTP/1.1\r\n Host: a\r\n\r\n',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'HTTP/2.0 in the request line': 'GET /p HTTP/2.0\r\nHost: a\r\n\r\n',
  'HTTP/0.9 in the request line': 'GET /p HTTP/0.9\r\nHost: a\r\n\r\n',
  'a request line without a version': 'GET /p\r\n\r\n',
  'an unknown version': 'GET /p HTTP/1.2\r\nHost: a\r\n\r\n',
  'a version in lower case': 'GET /p http/1.1\r\nHost: a\r\n\r\n',
  'a method in lower case': 'get /p HTTP/1.1\r\nHost: a\r\n\r\n',
  'an unknown method': 'FOO /p HTTP/1.1\r\nHost: a\r\n\r\n',
  'a tab in the request line': 'GET\t/p HTTP/1.1\r\nHost: a\r\n\r\n',
  'a space behind the version': 'GET /p HTTP/1.1 \r\nHost: a\r\n\r\n',
  'a NUL in the target': 'GET /p\0 HTTP/1.1\r\nHost: a\r\n\r\n',
  'a byte beyond ASCII in the target': 'GET /p\xe9 HTTP/1.1\r\nHost: a\r\n\r\n',
}

t.test('what is not safe to pass on is refused, and nothing of it is', async (t) => {
  const upstream = await startProxied(t, saying({}))
  for (const [name, bytes] of Object.entries(REFUSED)) {
    const { over, text, reply } = await exchange(upstream.port, bytes)
    t.equal(reply.status, 400, `${name}: ${text.slice(0, 80)}`)
    t.match(reply.body, /"GATEHOUSE_BAD_REQUEST"/, name)
    t.match(text.toLowerCase(), '\r\nconnection: close\r\n', name)
    t.equal(over, 'end', name)
  }
  t.same(upstream.received, [])
})

t.test('what comes behind a refused head is not read as a request', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const heads = [
    'GET /a HTTP/1.1\r\n\r\n',
    `POST /a HTTP/1.0\r\nHost: a\r\n${TE}: chunked\r\n\r\n0\r\n\r\n`,
    `POST /a HTTP/1.1\r\nHost: a\r\n${TE}: gzip, chunked\r\n\r\n0\r\n\r\n`,
  ]
  for (const head of heads) {
    const { text } = await exchange(
      upstream.port,
      `${head}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`,
    )
    t.equal(text.match(/HTTP\/1\.1 /g)?.length, 1, 'one answer')
  }
  t.same(upstream.received, [])
})

t.test('a broken body that is passed on as it comes never becomes a whole request', async (t) => {
  const upstream = await startProxied(t, saying({}), { backend: { bodies: 'stream' } })
  for (const bad of ['0x5\r\nhello\r\n0\r\n\r\n', '5\r\nhello0\r\n\r\n', '5\nhello\r\n0\r\n\r\n']) {
    const { reply, over } = await exchange(upstream.port, chunked(bad))
    t.equal(reply.status, 400)
    t.equal(over, 'end')
  }
  t.same(upstream.received, [])
})

t.test('garbage behind a request is answered after it, and ends the connection', async (t) => {
  const held: Received[] = []
  const upstream = await startProxied(t, (request) => void held.push(request))
  const client = await rawClient(upstream.port)
  client.socket.write(`${GET}\r\n${GET}\r\ngarbage\r\n\r\n`)
  while (held.length < 2) await new Promise(setImmediate)
  t.equal(client.text(), '', 'no answer overtakes another')
  for (const { socket } of held) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
  const replies = await repliesTo(client, ['GET', 'GET', 'GET'])
  t.same(
    replies.map(({ status }) => status),
    [200, 200, 400],
  )
  t.equal(await client.over, 'end')
})

t.test('a client that goes on sending after its garbage can read the answer', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const client = await rawClient(upstream.port)
  client.socket.write('garbage\r\n\r\n')
  for (let i = 0; i < 50; i += 1) client.socket.write(Buffer.alloc(65_536))
  t.equal(await client.over, 'end')
  t.match(client.text(), /^HTTP\/1\.1 400 .*GATEHOUSE_BAD_REQUEST/s)
})

t.test('a client that never closes is not left with half a connection', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const { server } = upstream.gateway.app.server
  const count = promisify(server.getConnections.bind(server))
  const socket = connect({ port: upstream.port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {}) // it is cut off in the end
  socket.resume().write('garbage\r\n\r\n')
  await once(socket, 'end')
  t.equal(await count(), 1, 'it may go on sending for a while')
  await until('its connection is cut', async () => (await count()) === 0)
})

t.test('an underscore is no hyphen: such a line is passed on and frames nothing', async (t) => {
  const upstream = await startProxied(t, saying({}))
  const lines = 'Content_Length: 50\r\nTransfer_Encoding: chunked\r\nContent-Length: 2'
  const client = await rawClient(upstream.port)
  client.socket.write(framed(lines, 'ok'))
  const [reply] = await repliesTo(client, ['POST'])
  t.equal(reply?.status, 200)
  t.match(upstream.received, [{ headers: { content_length: '50', 'content-length': '2' } }])
  t.equal(upstream.received[0]?.body.toString(), 'ok')
  client.socket.destroy()
})

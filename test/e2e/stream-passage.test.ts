import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { watchForLag } from '../helpers/lag.js'
import { get, rawClient, repliesTo } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { type Received, startProxied } from '../helpers/upstream.js'

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n'
const CHUNKED = `${HEAD}transfer-encoding: chunked\r\n\r\n`
const OPEN = `${HEAD.replace('HTTP/1.1', 'HTTP/1.0')}\r\n`
const FRAMINGS = { 'in chunks': CHUNKED, 'to the end of its connection': OPEN }
/** More than all buffers between a backend and a client that does not read. */
const FAR_TOO_MUCH = 64 * 1024 * 1024

function framed(head: string, data: string): string {
  return head === CHUNKED ? `${data.length.toString(16)}\r\n${data}\r\n` : data
}

function finish(socket: Socket, head: string): void {
  if (head === CHUNKED) socket.write('0\r\n\r\n')
  else socket.end()
}

/** Short ones mostly, each different from the others, some larger than any read. */
function events(count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const size = n % 97 === 0 ? 100_000 : (n * 7919) % 300
    return `id: ${n}\ndata: ${'abcdefghij'.repeat(Math.ceil(size / 10)).slice(0, size)}\n\n`
  })
}

for (const [how, head] of Object.entries(FRAMINGS)) {
  t.test(
    `every byte of a stream ${how} comes in order to who reads in fits and starts`,
    async (t) => {
      const all = events(1_000)
      const { port } = await startProxied(t, async ({ socket }) => {
        socket.write(head)
        for (const [n, event] of all.entries()) {
          if (!socket.write(framed(head, event))) await once(socket, 'drain')
          if (n % 3 === 0) await turn()
        }
        finish(socket, head)
      })
      const client = await rawClient(port)
      client.socket.write(get('/x', ['Connection: close']))
      let isOver = false
      void client.over.then(() => {
        isOver = true
      })
      while (!isOver) {
        client.socket.pause()
        await pause(5)
        client.socket.resume()
        await pause(5)
      }
      const [reply] = await repliesTo(client, ['GET'])
      t.equal(reply?.isWhole, true)
      t.ok(reply?.body === all.join(''), `${reply?.body.length} of ${all.join('').length} bytes`)
    },
  )

  t.test(`the backend of a stream ${how} waits for who stops reading, and goes on`, async (t) => {
    let sent = 0
    const event = `data: ${'x'.repeat(990)}\n\n`
    const { port } = await startProxied(t, async ({ socket }) => {
      socket.write(head)
      while (sent < FAR_TOO_MUCH && !socket.destroyed) {
        sent += event.length
        if (!socket.write(framed(head, event))) await once(socket, 'drain').catch(() => {})
        if (sent % (64 * event.length) === 0) await turn()
      }
    })
    const client = await rawClient(port)
    client.socket.write(get('/x'))
    await client.sees('data: x')
    client.socket.pause()
    let before = -1
    while (before !== sent) {
      before = sent
      await pause(200)
    }
    t.ok(sent < FAR_TOO_MUCH / 2, `after ${sent} bytes`)
    client.socket.resume()
    await until('it goes on', () => sent > before)
    client.socket.destroy()
  })

  t.test(`a stream ${how} ends whole for who read its end late`, async (t) => {
    let sent = 0
    const event = `data: ${'y'.repeat(3_990)}\n\n`
    const { port } = await startProxied(t, async ({ socket }) => {
      socket.write(head)
      // As much as fits: what follows is the end of the connection, which comes while nobody reads.
      for (let isHeld = false; !isHeld; await turn()) {
        sent += event.length
        socket.write(framed(head, event))
        isHeld = sent > 8 * 1024 * 1024
      }
      finish(socket, head)
      socket.end()
    })
    const client = await rawClient(port)
    client.socket.write(get('/x', ['Connection: close']))
    await client.sees('data: y')
    client.socket.pause()
    await pause(300)
    client.socket.resume()
    await client.over
    const [reply] = await repliesTo(client, ['GET'])
    t.match(reply, { status: 200, isWhole: true })
    t.equal(reply?.body.length, sent)
  })
}

const PLAIN = 'HTTP/1.0 200 OK\r\n\r\n'
const ENDS = {
  'an answer without a length': PLAIN,
  'a stream in chunks': CHUNKED,
  'a stream without a length': OPEN,
}

for (const [what, head] of Object.entries(ENDS)) {
  // Undici's parser throws where nobody can catch it if it hears of an end while it waits (nodejs/undici#5360).
  t.test(`the end of ${what} may come at the moment at which its client lags`, async (t) => {
    let hasLagged = () => false
    let sent = 0
    const piece = 'x'.repeat(4_000)
    const { port, gateway } = await startProxied(t, async ({ socket }) => {
      socket.write(head)
      for (; !hasLagged(); await turn()) {
        sent += piece.length
        socket.write(framed(head, piece))
      }
      await pause(50)
      finish(socket, head)
      socket.end()
    })
    hasLagged = watchForLag(gateway)
    const client = await rawClient(port)
    client.socket.pause()
    client.socket.write(get('/x', ['Connection: close']))
    await until('it lags', () => hasLagged())
    await pause(200)
    client.socket.resume()
    await client.over
    const [reply] = await repliesTo(client, ['GET'])
    t.match(reply, { status: 200, isWhole: true })
    t.equal(reply?.body.length, sent)
  })
}

t.test('a client of HTTP/1.0 gets the events without frames', async (t) => {
  const { port } = await startProxied(t, (asked) => trickle(asked, ['data: 1\n\n', 'data: 2\n\n']))
  const client = await rawClient(port)
  client.socket.write('GET /x HTTP/1.0\r\nHost: door\r\n\r\n')
  t.equal(await client.over, 'end')
  const [reply] = await repliesTo(client, ['GET'])
  t.match(reply, { framing: 'close', body: 'data: 1\n\ndata: 2\n\n' })
})

t.test('what was asked behind a stream on the same connection is answered behind it', async (t) => {
  const { port } = await startProxied(t, (asked) => {
    if (asked.path === '/next')
      asked.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext')
    else void trickle(asked, ['data: 1\n\n', 'data: 2\n\n'])
  })
  const client = await rawClient(port)
  client.socket.write(get('/stream') + get('/next') + get('/stream'))
  const replies = await repliesTo(client, ['GET', 'GET', 'GET'])
  const stream = 'data: 1\n\ndata: 2\n\n'
  t.strictSame(
    replies.map(({ body }) => body),
    [stream, 'next', stream],
  )
  client.socket.destroy()
})

t.test('a HEAD of a stream is over with its head', async (t) => {
  const { port } = await startProxied(t, ({ socket, method }) => {
    socket.write(method === 'HEAD' ? CHUNKED : 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
  })
  const client = await rawClient(port)
  client.socket.write(get('/x', [], 'HEAD') + get('/y'))
  const [head, body] = await repliesTo(client, ['HEAD', 'GET'])
  t.match(head, { status: 200, body: '' })
  t.match(body, { status: 200, body: 'ok' })
  client.socket.destroy()
})

t.test('the length of a chunk and its data may come apart', async (t) => {
  const { port } = await startProxied(t, async ({ socket }) => {
    socket.write(CHUNKED)
    for (const piece of [
      '9\r\n',
      'data: 1\n\n',
      '\r\n',
      '9',
      '\r',
      '\ndata: 2',
      '\n\n\r\n0\r\n\r',
      '\n',
    ]) {
      await pause(5)
      socket.write(piece)
    }
  })
  const client = await rawClient(port)
  client.socket.write(get('/x'))
  const [reply] = await repliesTo(client, ['GET'])
  t.match(reply, { isWhole: true, body: 'data: 1\n\ndata: 2\n\n' })
  client.socket.destroy()
})

t.test('a stream that falls silent after its events is broken in time', async (t) => {
  const backend = { timeouts: { bodyIdle: '200ms' } }
  const { port } = await startProxied(
    t,
    (asked) => trickle(asked, ['data: 1\n\n', 'data: 2\n\n'], 'stays open'),
    { backend },
  )
  const client = await rawClient(port)
  client.socket.write(get('/x'))
  await client.over
  const [reply] = await repliesTo(client, ['GET'])
  t.match(reply, { status: 200, isWhole: false, body: 'data: 1\n\ndata: 2\n\n' })
})

t.test('a stream that nobody reads is not silent', async (t) => {
  const backend = { timeouts: { bodyIdle: '200ms' } }
  let isOver = false
  const { port } = await startProxied(
    t,
    async ({ socket }) => {
      socket.on('close', () => {
        isOver = true
      })
      socket.write(CHUNKED)
      const event = `data: ${'z'.repeat(64_000)}\n\n`
      for (let n = 0; n < 1_000 && !isOver; n += 1) {
        if (!socket.write(framed(CHUNKED, event))) await once(socket, 'drain').catch(() => {})
      }
    },
    { backend },
  )
  const client = await rawClient(port)
  client.socket.write(get('/x'))
  await client.sees('data: z')
  client.socket.pause()
  await pause(1_000)
  t.notOk(isOver)
  client.socket.destroy()
  await until('its backend hears that it left', () => isOver)
})

/** One event after the other, each in a packet of its own. */
async function trickle(
  { socket }: Received,
  events: readonly string[],
  then: 'ends' | 'stays open' = 'ends',
): Promise<void> {
  socket.write(CHUNKED)
  for (const event of events) {
    await pause(10)
    socket.write(framed(CHUNKED, event))
  }
  if (then === 'ends') socket.write('0\r\n\r\n')
}

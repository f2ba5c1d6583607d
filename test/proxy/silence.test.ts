import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { watchBody, watchSilence } from '../../src/proxy/silence.js'
import { get, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const LIMIT_MS = 80

/** A request whose body begins with these bytes and does not end. */
async function beginBody(t: Test, bytes: string) {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = await rawClient((server.address() as AddressInfo).port)
  t.teardown(() => {
    client.socket.destroy()
    server.close()
  })
  client.socket.write(get('/', ['Content-Length: 10000000'], 'POST') + bytes)
  const [raw] = (await once(server, 'request')) as [IncomingMessage]
  raw.on('error', () => {}) // the client leaves when the test ends
  return { raw, client }
}

t.test(
  'a body of which nothing comes is called stalled once, after the time allowed',
  async (t) => {
    const { raw } = await beginBody(t, 'x')
    raw.resume()
    let stalls = 0
    const start = performance.now()
    const stop = watchBody(raw, LIMIT_MS, () => {
      stalls += 1
    })
    await until('it stalls', () => stalls > 0)
    t.ok(performance.now() - start >= LIMIT_MS)
    await sleep(2 * LIMIT_MS)
    t.equal(stalls, 1)
    stop()
  },
)

t.test('the time in which we read no further ourselves does not count', async (t) => {
  const { raw } = await beginBody(t, 'x')
  let stalls = 0
  raw.on('data', () => {})
  raw.pause()
  const stop = watchBody(raw, LIMIT_MS, () => {
    stalls += 1
  })
  await sleep(4 * LIMIT_MS)
  t.equal(stalls, 0, 'while it is paused')
  raw.resume()
  await until('it stalls', () => stalls > 0)
  stop()
})

t.test('bytes that wait to be read are no silence of the client', async (t) => {
  const { raw } = await beginBody(t, 'x')
  let stalls = 0
  const stop = watchBody(raw, LIMIT_MS, () => {
    stalls += 1
  })
  await once(raw, 'readable')
  await sleep(4 * LIMIT_MS)
  t.equal(stalls, 0)
  stop()
})

t.test('a watch that was ended, or has no limit, tells nothing', async (t) => {
  const { raw } = await beginBody(t, 'x')
  raw.resume()
  const tell = () => t.fail('it told of a stall')
  watchBody(raw, LIMIT_MS, tell)()
  watchBody(raw, 0, tell)()
  await sleep(3 * LIMIT_MS)
})

/** Somebody who says what the test does, and how often that was called silence. */
function speaker(timeoutMs = LIMIT_MS) {
  const state = { bytes: 0, isHeld: false, silences: 0 }
  const stop = watchSilence({
    timeoutMs,
    bytesRead: () => state.bytes,
    isHeld: () => state.isHeld,
    onSilence: () => {
      state.silences += 1
    },
  })
  return { state, stop }
}

t.test('a silence is told once, not before its time and at most a quarter late', async (t) => {
  const { state, stop } = speaker(400)
  const start = performance.now()
  await until('it is told', () => state.silences > 0)
  const ms = performance.now() - start
  t.ok(ms >= 400, `${ms} ms`)
  t.ok(ms < 1_000, `${ms} ms`) // a busy machine is later than a quarter
  state.bytes += 1
  await sleep(1_000)
  t.equal(state.silences, 1, 'also if something comes afterwards')
  stop()
})

t.test('whoever says a little now and then is not silent', async (t) => {
  const { state, stop } = speaker(400)
  for (let byte = 0; byte < 12; byte += 1) {
    await sleep(100)
    state.bytes += 1
  }
  t.equal(state.silences, 0)
  await until('it stops, and that is told', () => state.silences === 1)
  stop()
})

t.test('who was held has the whole time again', async (t) => {
  const { state, stop } = speaker(400)
  state.isHeld = true
  await sleep(1_000)
  t.equal(state.silences, 0, 'while it is held')
  state.isHeld = false
  const start = performance.now()
  await until('it is told', () => state.silences === 1)
  const ms = performance.now() - start
  t.ok(ms >= 300, `${ms} ms, counted from the last look at which it was held`)
  stop()
})

t.test('a watch may be ended twice, and after it told', async (t) => {
  const { state, stop } = speaker(20)
  await until('it is told', () => state.silences === 1)
  stop()
  stop()
  const none = speaker(0)
  none.stop()
  none.stop()
  await sleep(50)
  t.equal(none.state.silences, 0)
})

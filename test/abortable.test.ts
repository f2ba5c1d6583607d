import { getEventListeners } from 'node:events'
import t from 'tap'
import { abortable, pause } from '../src/abortable.js'

const left = new Error('left')

t.test('work that ends first settles its waiter, whatever the signal does later', async (t) => {
  const leaver = new AbortController()
  t.equal(await abortable(Promise.resolve(7), leaver.signal), 7)
  const broken = new Error('broken')
  await t.rejects(abortable(Promise.reject(broken), leaver.signal), broken)
  leaver.abort(left)
})

t.test('a waiter leaves with the reason of its signal, and the others wait on', async (t) => {
  const [leaver, stayer] = [new AbortController(), new AbortController()]
  let finish = (_value: string) => {}
  const work = new Promise<string>((resolve) => {
    finish = resolve
  })
  const leaving = abortable(work, leaver.signal)
  const staying = abortable(work, stayer.signal)
  leaver.abort(left)
  await t.rejects(leaving, left)
  finish('done')
  t.equal(await staying, 'done')
})

t.test('whoever has left already does not wait, not even for work that is done', async (t) => {
  await t.rejects(abortable(Promise.resolve(7), AbortSignal.abort(left)), left)
})

t.test('no listener is left on the signal, however the wait ended', async (t) => {
  const { signal } = new AbortController()
  await abortable(Promise.resolve(), signal)
  await abortable(Promise.reject(new Error('broken')), signal).catch(() => {})
  await pause(1, signal)
  t.equal(getEventListeners(signal, 'abort').length, 0)
  const leaver = new AbortController()
  const leaving = abortable(new Promise(() => {}), leaver.signal)
  leaver.abort(left)
  await t.rejects(leaving, left)
  t.equal(getEventListeners(leaver.signal, 'abort').length, 0)
})

t.test('work that fails after its waiter has left is not an unhandled rejection', async (t) => {
  const unhandled = await unhandledDuring(async () => {
    const leaver = new AbortController()
    let fail = (_error: Error) => {}
    const work = new Promise<never>((_resolve, reject) => {
      fail = reject
    })
    const leaving = abortable(work, leaver.signal)
    leaver.abort(left)
    await t.rejects(leaving, left)
    fail(new Error('broken later'))
  })
  t.same(unhandled, [])
})

t.test(
  'work that fails for a waiter who had left before is not an unhandled rejection',
  async (t) => {
    const unhandled = await unhandledDuring(async () => {
      const work = Promise.reject(new Error('broken'))
      await t.rejects(abortable(work, AbortSignal.abort(left)), left)
    })
    t.same(unhandled, [])
  },
)

t.test('a pause ends by itself, or at once when its signal aborts', async (t) => {
  const leaver = new AbortController()
  await pause(0, leaver.signal)
  const paused = pause(2 ** 30, leaver.signal)
  leaver.abort(left)
  await t.rejects(paused, left)
  await t.rejects(pause(2 ** 30, leaver.signal), left, 'an aborted signal does not even begin one')
})

/** The rejections that nobody handled while this ran and in the turns of the event loop after it. */
async function unhandledDuring(work: () => Promise<void>): Promise<unknown[]> {
  const seen: unknown[] = []
  const before = process.listeners('unhandledRejection')
  const note = (reason: unknown) => void seen.push(reason)
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', note)
  try {
    await work()
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate)
  } finally {
    process.removeListener('unhandledRejection', note)
    for (const listener of before) process.on('unhandledRejection', listener)
  }
  return seen
}

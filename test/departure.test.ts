import t from 'tap'
import { abortable } from '../src/abortable.js'
import { Departure, type Leaving } from '../src/departure.js'

t.test('nobody has left at first', (t) => {
  const departure = new Departure()
  t.equal(departure.aborted, false)
  t.doesNotThrow(() => departure.throwIfAborted())
  t.end()
})

t.test('a leaving is told to every listener once, with its reason to be read', (t) => {
  const departure = new Departure()
  const gone = new Error('gone')
  const told: unknown[] = []
  for (const who of ['a', 'b']) {
    departure.addEventListener('abort', () => told.push([who, departure.aborted, departure.reason]))
  }
  departure.leave(gone)
  t.strictSame(told, [
    ['a', true, gone],
    ['b', true, gone],
  ])
  departure.leave(new Error('again'))
  t.equal(told.length, 2)
  t.equal(departure.reason, gone, 'the first reason counts')
  t.throws(() => departure.throwIfAborted(), gone)
  t.end()
})

t.test('who has stopped listening is not told, even if that was during the telling', (t) => {
  const departure = new Departure()
  const told: string[] = []
  const [before, after] = [() => told.push('before'), () => told.push('after')]
  departure.addEventListener('abort', before)
  departure.addEventListener('abort', () => departure.removeEventListener('abort', after))
  departure.addEventListener('abort', after)
  departure.removeEventListener('abort', before)
  departure.removeEventListener('abort', () => {})
  departure.leave('gone')
  t.strictSame(told, [])
  t.end()
})

t.test('who begins to listen twice is told once, and after the leaving not at all', (t) => {
  const departure = new Departure()
  let told = 0
  const listener = () => {
    told += 1
  }
  departure.addEventListener('abort', listener)
  departure.addEventListener('abort', listener)
  departure.leave('gone')
  t.equal(told, 1)
  departure.addEventListener('abort', listener)
  departure.leave('gone')
  t.equal(told, 1)
  t.end()
})

t.test('it does what the signal of an AbortController does, step by step', (t) => {
  const logs = [new Departure(), new AbortController()].map((one) => {
    const signal: Leaving = one instanceof Departure ? one : one.signal
    const log: unknown[] = []
    const listener = () => log.push('told')
    signal.addEventListener('abort', listener, { once: true })
    signal.addEventListener('abort', () => log.push(signal.aborted), { once: true })
    signal.addEventListener('abort', listener, { once: true })
    for (const reason of ['one', 'two']) {
      if (one instanceof Departure) one.leave(reason)
      else one.abort(reason)
      log.push(signal.aborted, signal.reason)
    }
    signal.addEventListener('abort', listener)
    return log
  })
  t.strictSame(logs[0], logs[1])
  t.end()
})

t.test('one who waits for work leaves it at once, and the work goes on', async (t) => {
  const departure = new Departure()
  let finish: (value: string) => void = () => {}
  const work = new Promise<string>((resolve) => {
    finish = resolve
  })
  const leaver = abortable(work, departure)
  const other = abortable(work, new Departure())
  departure.leave(new Error('gone'))
  await t.rejects(leaver, new Error('gone'))
  await t.rejects(abortable(work, departure), new Error('gone'))
  finish('done')
  t.equal(await other, 'done')
})

t.test('work that ends first is heard of, whoever leaves later', async (t) => {
  const departure = new Departure()
  t.equal(await abortable(Promise.resolve('done'), departure), 'done')
  await t.rejects(abortable(Promise.reject(new Error('failed')), departure), new Error('failed'))
  t.doesNotThrow(() => departure.leave('gone'))
})

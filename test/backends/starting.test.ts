import t from 'tap'
import { kept, Starting } from '../../src/backends/starting.js'

t.test('many may wait for one start, and nobody takes them for a leak', async (t) => {
  const warnings: string[] = []
  const listen = ({ message }: Error) => void warnings.push(message)
  process.on('warning', listen)
  t.teardown(() => process.off('warning', listen))
  let [grant, finish] = [() => {}, () => {}]
  const begin = (_giveUp: AbortSignal, granted: () => void) => {
    grant = granted
    return new Promise<void>((resolve) => {
      finish = resolve
    })
  }
  const parts = { onAbandoned: () => {}, refusal: () => new Error('refused') }
  const starting = new Starting(begin, parts)
  const waiter = () => ({ ...kept(new AbortController().signal), untilMs: performance.now() + 300 })
  const waiters = Array.from({ length: 30 }, () => starting.join(waiter()))
  grant()
  await new Promise((resolve) => setTimeout(resolve, 400))
  finish() // long after each would have been refused, had it still waited for memory
  await Promise.all(waiters)
  t.same(warnings, [])
})

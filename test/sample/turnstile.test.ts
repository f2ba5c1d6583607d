import t from 'tap'
import { Turnstile } from '../../src/sample/turnstile.js'

t.test('places pass on in order of arrival, and a place is given back once only', async (t) => {
  const turnstile = new Turnstile(1, 2)
  const leave = await turnstile.enter()
  const order: string[] = []
  const second = turnstile.enter()?.then((done) => [order.push('second'), done] as const)
  const third = turnstile.enter()?.then((done) => [order.push('third'), done] as const)
  t.equal(turnstile.enter(), undefined)
  t.equal(turnstile.waiting, 2)
  leave?.()
  leave?.()
  const [, leaveSecond] = (await second)!
  t.same(order, ['second'])
  leaveSecond()
  const [, leaveThird] = (await third)!
  t.same(order, ['second', 'third'])
  leaveThird()
  t.equal(turnstile.held, 0)
})

import fc from 'fast-check'
import t from 'tap'
import { FairQueue, type Place } from '../../src/lanes/fair-queue.js'

function drain(queue: FairQueue<string>): string[] {
  const order: string[] = []
  for (let item = queue.next(); item !== undefined; item = queue.next()) order.push(item)
  return order
}

t.test('an empty queue has nobody next', (t) => {
  const queue = new FairQueue<string>()
  t.equal(queue.next(), undefined)
  t.equal(queue.size, 0)
  t.end()
})

t.test('clients take turns, and each is served in the order of its own coming', (t) => {
  const queue = new FairQueue<string>()
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) queue.join(item.slice(0, 1), item)
  t.equal(queue.size, 6)
  t.same(drain(queue), ['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  t.equal(queue.size, 0)
  t.end()
})

t.test('a client who was just served goes behind those who wait already', (t) => {
  const queue = new FairQueue<string>()
  queue.join('a', 'a1')
  queue.join('b', 'b1')
  t.equal(queue.next(), 'a1')
  queue.join('a', 'a2')
  t.same(drain(queue), ['b1', 'a2'])
  t.end()
})

t.test('a place is left once, and never after its turn', (t) => {
  const queue = new FairQueue<string>()
  const [first, second] = [queue.join('a', 'a1'), queue.join('a', 'a2')]
  queue.join('b', 'b1')
  t.equal(queue.leave(second), true)
  t.equal(queue.leave(second), false, 'it is gone')
  t.equal(queue.size, 2)
  t.equal(queue.next(), 'a1')
  t.equal(queue.leave(first), false, 'it had its turn')
  t.same(drain(queue), ['b1'])
  t.end()
})

t.test('two equal items are two places', (t) => {
  const queue = new FairQueue<string>()
  const places = [queue.join('a', 'same'), queue.join('a', 'same')]
  t.ok(queue.leave(places[1] as Place<string>))
  t.same(drain(queue), ['same'])
  t.end()
})

t.test('names of clients that an object would trip over are names like any other', (t) => {
  const queue = new FairQueue<string>()
  const names = ['__proto__', 'constructor', '', '10', '9', 'toString']
  for (const name of names) queue.join(name, name)
  t.same(drain(queue), names)
  t.end()
})

type Step =
  | { readonly do: 'join'; readonly client: string }
  | { readonly do: 'next' }
  | { readonly do: 'leave'; readonly which: number }

const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  {
    weight: 3,
    arbitrary: fc.constantFrom('a', 'b', 'c').map((client) => ({ do: 'join', client })),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'next' } as const) },
  { weight: 1, arbitrary: fc.nat(9).map((which) => ({ do: 'leave', which })) },
)

/** What the queue must agree with: who waits, and who was served since a client could have been. */
class Model {
  readonly queue = new FairQueue<number>()
  readonly waiting: Place<number>[] = []
  readonly passedBy = new Map<string, string[]>()
  #joined = 0

  take(step: Step): void {
    if (step.do === 'join') this.#join(step.client)
    else if (step.do === 'next') this.#next()
    else this.#leave(step.which)
    if (this.queue.size !== this.waiting.length) throw new Error('it has lost count')
  }

  #join(client: string): void {
    this.#joined += 1
    if (!this.#waits(client)) this.passedBy.set(client, [])
    this.waiting.push(this.queue.join(client, this.#joined))
  }

  #next(): void {
    const item = this.queue.next()
    const at = this.waiting.findIndex((place) => place.item === item)
    const [place] = at < 0 ? [] : this.waiting.splice(at, 1)
    if (place) this.#served(place)
    else if (item !== undefined || this.waiting.length > 0) throw new Error(`served ${item}`)
  }

  #served({ client: lucky, item }: Place<number>): void {
    const own = this.waiting.filter(({ client }) => client === lucky)
    if (own.some((place) => place.item < item)) throw new Error('not in the order of coming')
    for (const [client, served] of this.passedBy) {
      if (client === lucky || !this.#waits(client)) continue
      if (served.includes(lucky)) throw new Error('somebody was served twice meanwhile')
      served.push(lucky)
    }
    this.passedBy.set(lucky, [])
  }

  #leave(which: number): void {
    const [place] = this.waiting.splice(which % Math.max(this.waiting.length, 1), 1)
    if (place && !this.queue.leave(place)) throw new Error('a waiter was not there any more')
  }

  #waits(client: string): boolean {
    return this.waiting.some((place) => place.client === client)
  }
}

t.test(
  'whatever comes and goes, nobody is lost, and nobody waits while another goes twice',
  (t) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const model = new Model()
        for (const taken of steps) model.take(taken)
        while (model.waiting.length > 0) model.take({ do: 'next' })
        model.take({ do: 'next' })
      }),
      { numRuns: 500 },
    )
    t.end()
  },
)

t.test('how many go before a place is known, whoever waits', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 20 }),
      fc.nat(5),
      (clients, gone) => {
        const queue = new FairQueue<number>()
        const places = clients.map((client, at) => queue.join(client, at))
        for (let turn = 0; turn < gone; turn += 1) queue.next()
        const said = places.map((place) => queue.ahead(place))
        for (let turn = 0; ; turn += 1) {
          const item = queue.next()
          if (item === undefined) break
          if (said[item] !== turn) throw new Error(`${item} went after ${turn}, not ${said[item]}`)
        }
      },
    ),
    { numRuns: 300 },
  )
  t.end()
})

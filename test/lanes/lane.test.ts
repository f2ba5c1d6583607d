import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import t from 'tap'
import { Lane, type Turn } from '../../src/lanes/lane.js'

const stays = new AbortController().signal
const left = new Error('left')
const later = () => new Promise(setImmediate)

/** Enters a lane that is known to have a place. */
function enter(lane: Lane, client: string, signal: AbortSignal = stays): Promise<Turn> {
  const turn = lane.enter(client, signal)
  if (!turn) throw new Error('the lane is full')
  return turn
}

t.test('turns are given up to the limit, and then as others end', async (t) => {
  const lane = new Lane({ concurrency: 2, queueLimit: 9 })
  const [first, second] = [await enter(lane, 'a'), await enter(lane, 'a')]
  const third = enter(lane, 'a')
  t.same([lane.held, lane.waiting], [2, 1])
  second.end()
  t.same([lane.held, lane.waiting], [2, 0], 'the waiter has it in the same tick')
  ;(await third).end()
  first.end()
  t.same([lane.held, lane.waiting], [0, 0])
})

t.test('waiting clients take turns, each in its own order', async (t) => {
  const lane = new Lane({ concurrency: 1, queueLimit: 9 })
  const order: string[] = []
  const running = await enter(lane, 'z')
  const waits = ['a1', 'a2', 'a3', 'b1', 'c1'].map(async (name) => {
    const turn = await enter(lane, name.slice(0, 1))
    order.push(name)
    turn.end()
  })
  running.end()
  await Promise.all(waits)
  t.same(order, ['a1', 'b1', 'c1', 'a2', 'a3'])
})

t.test('one more than may wait is refused at once', async (t) => {
  const lane = new Lane({ concurrency: 1, queueLimit: 1 })
  const running = await enter(lane, 'a')
  const waiting = enter(lane, 'b')
  t.equal(lane.enter('c', stays), undefined)
  running.end()
  ;(await waiting).end()
  t.ok(await lane.enter('c', stays), 'and let in once there is room again')
})

t.test('where nobody may wait, the lane still gives turns', async (t) => {
  const lane = new Lane({ concurrency: 1, queueLimit: 0 })
  const turn = await enter(lane, 'a')
  t.equal(lane.enter('b', stays), undefined)
  turn.end()
  t.ok(await lane.enter('b', stays))
})

t.test('concurrency 0 means that nobody ever waits', async (t) => {
  const lane = new Lane({ concurrency: 0, queueLimit: 0 })
  const turns = await Promise.all(Array.from({ length: 50 }, () => enter(lane, 'a')))
  t.same([lane.held, lane.waiting], [50, 0])
  for (const turn of turns) turn.end()
  t.equal(lane.held, 0)
})

t.test('a turn that is ended twice is given on once', async (t) => {
  const lane = new Lane({ concurrency: 1, queueLimit: 9 })
  const turn = await enter(lane, 'a')
  const [next, last] = [enter(lane, 'b'), enter(lane, 'c')]
  turn.end()
  turn.end()
  await next
  t.same([lane.held, lane.waiting], [1, 1])
  ;(await next).end()
  ;(await last).end()
  turn.end()
  t.same([lane.held, lane.waiting], [0, 0])
})

t.test('a waiter who leaves is told why, and costs those behind nothing', async (t) => {
  const lane = new Lane({ concurrency: 1, queueLimit: 2 })
  const leaver = new AbortController()
  const running = await enter(lane, 'a')
  const leaving = enter(lane, 'b', leaver.signal)
  const staying = enter(lane, 'c')
  leaver.abort(left)
  await t.rejects(leaving, left)
  t.equal(lane.waiting, 1)
  running.end()
  t.ok(await staying)
  t.equal(lane.held, 1)
})

t.test('whoever has left already does not enter', async (t) => {
  const lane = new Lane({ concurrency: 1, queueLimit: 0 })
  await t.rejects(enter(lane, 'a', AbortSignal.abort(left)), left)
  t.equal(lane.held, 0)
})

t.test('a client who leaves in the tick of its turn still has the turn to end', async (t) => {
  const lane = new Lane({ concurrency: 1, queueLimit: 9 })
  const leaver = new AbortController()
  const running = await enter(lane, 'a')
  const admitted = enter(lane, 'b', leaver.signal)
  running.end()
  leaver.abort(left)
  const turn = await admitted
  t.equal(lane.held, 1)
  turn.end()
  t.equal(lane.held, 0)
})

t.test('a lane that refuses sends away who waits, and those with a turn keep it', async (t) => {
  const lane = new Lane({ concurrency: 1, queueLimit: 9 })
  const running = await enter(lane, 'a')
  const waits = [enter(lane, 'b'), enter(lane, 'b'), enter(lane, 'c')]
  const closing = new Error('closing')
  lane.refuse(closing)
  for (const wait of waits) await t.rejects(wait, closing)
  t.same([lane.held, lane.waiting], [1, 0])
  running.end()
  t.equal(lane.held, 0)
})

t.test('no wait leaves a listener on its signal', async (t) => {
  const lane = new Lane({ concurrency: 1, queueLimit: 9 })
  const { signal } = new AbortController()
  const running = await enter(lane, 'a', signal)
  const admitted = enter(lane, 'a', signal)
  const refused = enter(lane, 'a', signal)
  t.equal(getEventListeners(signal, 'abort').length, 2)
  running.end()
  await admitted
  lane.refuse(new Error('closing'))
  await t.rejects(refused)
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

type Step =
  | { readonly do: 'enter'; readonly client: string }
  | { readonly do: 'leave' | 'end' | 'endAgain'; readonly which: number }
  | { readonly do: 'refuse' }

const index = fc.nat(9)
const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  {
    weight: 5,
    arbitrary: fc.constantFrom('a', 'b', 'c').map((client) => ({ do: 'enter', client })),
  },
  { weight: 4, arbitrary: index.map((which) => ({ do: 'end', which })) },
  { weight: 2, arbitrary: index.map((which) => ({ do: 'leave', which })) },
  { weight: 1, arbitrary: index.map((which) => ({ do: 'endAgain', which })) },
  { weight: 1, arbitrary: fc.constant({ do: 'refuse' } as const) },
)

interface Visitor {
  readonly client: string
  readonly leaver: AbortController
  turn: Turn | undefined
  answers: number
  how: 'waits' | 'runs' | 'over'
}

/** A lane beside a list of everybody who ever entered it. */
class Model {
  readonly lane: Lane
  readonly visitors: Visitor[] = []
  readonly #limits: { readonly concurrency: number; readonly queueLimit: number }

  constructor(limits: { readonly concurrency: number; readonly queueLimit: number }) {
    this.#limits = limits
    this.lane = new Lane(limits)
  }

  who(how: Visitor['how']): Visitor[] {
    return this.visitors.filter((visitor) => visitor.how === how)
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'enter') this.#enter(step.client)
    else if (step.do === 'refuse') this.lane.refuse(new Error('closing'))
    else this.#act(step.do, step.which)
    await later()
    this.#check()
  }

  #enter(client: string): void {
    const full = this.who('waits').length >= this.#limits.queueLimit && !this.#hasRoom()
    const visitor: Visitor = {
      client,
      leaver: new AbortController(),
      turn: undefined,
      answers: 0,
      how: 'waits',
    }
    const turn = this.lane.enter(client, visitor.leaver.signal)
    if (full !== (turn === undefined))
      throw new Error('it is refused when, and only when, it is full')
    if (!turn) return
    this.visitors.push(visitor)
    turn.then(
      (given) => {
        visitor.turn = given
        visitor.how = 'runs'
        visitor.answers += 1
      },
      () => {
        visitor.how = 'over'
        visitor.answers += 1
      },
    )
  }

  #act(how: 'leave' | 'end' | 'endAgain', which: number): void {
    const among = this.who(({ leave: 'waits', end: 'runs', endAgain: 'over' } as const)[how])
    const visitor = among[which % Math.max(among.length, 1)]
    if (!visitor) return
    if (how === 'leave') visitor.leaver.abort(left)
    visitor.turn?.end()
    if (how === 'end') visitor.how = 'over'
  }

  #check(): void {
    const { concurrency } = this.#limits
    const [held, waiting] = [this.who('runs').length, this.who('waits').length]
    if (this.lane.held !== held) throw new Error(`held is ${this.lane.held}, not ${held}`)
    if (this.lane.waiting !== waiting) throw new Error(`waiting is ${this.lane.waiting}`)
    if (concurrency > 0 && held > concurrency) throw new Error('more turns than allowed')
    if (waiting > 0 && this.#hasRoom()) throw new Error('somebody waits beside a free turn')
    if (this.visitors.some(({ answers, how }) => answers !== (how === 'waits' ? 0 : 1))) {
      throw new Error('somebody was answered twice, or not at all')
    }
  }

  #hasRoom(): boolean {
    const { concurrency } = this.#limits
    return concurrency === 0 || this.lane.held < concurrency
  }
}

t.test('whatever comes, ends and leaves, the lane keeps its limits and loses nobody', async () => {
  const limits = fc.record({ concurrency: fc.nat(3), queueLimit: fc.nat(5) })
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { maxLength: 60 }), async (given, steps) => {
      const model = new Model(given)
      for (const taken of steps) await model.take(taken)
      while (model.who('runs').length > 0) await model.take({ do: 'end', which: 0 })
      if (model.who('waits').length > 0) throw new Error('somebody waits for ever')
    }),
    { numRuns: 150 },
  )
})

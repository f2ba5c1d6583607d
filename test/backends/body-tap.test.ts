import { deepEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { EAGER, type End, type Manners, next, type Receiver, stage } from '../helpers/tapped.js'

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n'
const LAST = '0\r\n\r\n'
/** A chunk whose length has more is not followed. */
const MOST_DIGITS = 6

function chunk(data: Uint8Array, line = data.length.toString(16)): Buffer {
  return Buffer.concat([Buffer.from(`${line}\r\n`), data, Buffer.from('\r\n')])
}

function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const inside = [...new Set(places.map((at) => at % bytes.length))].filter((at) => at > 0)
  const edges = [0, ...inside.sort((a, b) => a - b), bytes.length]
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}

const events = [1, 2, 3, 4, 5].map((n) => Buffer.from(`data: ${n}\n\n`))
const whole = Buffer.concat(events)

t.test('of a plain stream each event is taken, and the rest comes as data', async (t) => {
  const { ask } = await stage(t)
  const chunked = [`${OK}transfer-encoding: chunked\r\n\r\n`, ...events.map((e) => chunk(e)), LAST]
  const first = await ask(EAGER, { pieces: chunked.map((p) => Buffer.from(p)), end: 'stays' })
  t.match(first, { outcome: 'complete', takes: 5, takenBytes: whole.length })
  t.ok(first.body.equals(whole))
  const again = await ask(EAGER, { pieces: chunked.map((p) => Buffer.from(p)), end: 'stays' })
  t.match(again, { outcome: 'complete', takes: 5 })
  t.equal(again.connection, first.connection, 'on the same connection')
  for (const version of ['HTTP/1.1', 'HTTP/1.0']) {
    const pieces = [Buffer.from(`${OK}\r\n`.replace('HTTP/1.1', version)), ...events]
    const open = await ask(EAGER, { pieces, end: 'FIN' })
    t.match(open, { outcome: 'complete', takes: 5 }, version)
    t.ok(open.body.equals(whole))
  }
})

const UNTAPPED: Readonly<Record<string, string>> = {
  'a length': 'content-length: 45\r\n\r\n',
  'another coding': 'transfer-encoding: gzip, chunked\r\n\r\n',
  'a name in capitals': 'transfer-encoding: CHUNKED\r\n\r\n',
}

t.test('what is not plain all comes as data', async (t) => {
  const { ask } = await stage(t)
  for (const [what, lines] of Object.entries(UNTAPPED)) {
    const isLength = lines.startsWith('content')
    const body = isLength ? events : [...events.map((e) => chunk(e)), Buffer.from(LAST)]
    const seen = await ask(EAGER, { pieces: [Buffer.from(OK + lines), ...body], end: 'stays' })
    t.match(seen, { outcome: 'complete', takes: 0 }, what)
    t.ok(seen.body.equals(whole), what)
  }
  const pieces = [`${OK}transfer-encoding: chunked\r\n\r\n`, ...events.map((e) => chunk(e)), LAST]
  const sends = { pieces: pieces.map((each) => Buffer.from(each)), end: 'stays' } as const
  const none = await ask({ ...EAGER, isStream: false }, sends)
  t.match(none, { outcome: 'complete', takes: 0 }, 'what is told as no stream')
  t.ok(none.body.equals(whole))
})

interface Case {
  readonly wire: Buffer
  readonly body: Buffer
  readonly trailers: string
  readonly isOpenEnded: boolean
  /** Between its chunks. */
  readonly borders: readonly number[]
}

const INTERIM = [
  '',
  'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
]
const FRAMINGS = ['chunked', 'odd', 'trailers', 'length', 'close', 'close 1.0'] as const

const data = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 200 }),
  fc
    .constantFrom('data: 1\n\n', 'a\r\n\r\n', '5\r\nhello\r\n', LAST, 'HTTP/1.1 200 OK\r\n\r\n')
    .map((text) => new Uint8Array(Buffer.from(text))),
)

const answer: fc.Arbitrary<Case> = fc
  .record({
    interim: fc.array(fc.constantFrom(...INTERIM), { maxLength: 1 }),
    framing: fc.constantFrom(...FRAMINGS),
    parts: fc.array(data, { maxLength: 12, size: 'max' }),
    odd: fc.nat(11),
  })
  .map(({ interim, framing, parts, odd }) => {
    const body = Buffer.concat(parts)
    const isOpenEnded = framing.startsWith('close')
    const head = interim.join('') + headOf(framing, body.length)
    const lines = parts.map(({ length }, at) => {
      const isOdd = framing === 'odd' && at === odd
      if (!isOdd) return lengthLine(length, at + odd)
      return odd % 2 ? `${length.toString(16)};a="b"` : length.toString(16).padStart(7, '0')
    })
    const chunks = parts.map((each, at) => chunk(each, lines[at]))
    const hasTrailers = framing === 'trailers'
    const last = Buffer.from(hasTrailers ? '0\r\nx-sum: 1\r\n\r\n' : LAST)
    const framed = framing === 'length' || isOpenEnded ? [body] : [...chunks, last]
    const wire = Buffer.concat([Buffer.from(head), ...framed])
    let border = head.length
    const borders = [border, ...framed.map((each) => (border += each.length))]
    return { wire, body, trailers: hasTrailers ? 'x-sum: 1' : '', isOpenEnded, borders }
  })

function headOf(framing: string, length: number): string {
  if (framing === 'length') return `${OK}content-length: ${length}\r\n\r\n`
  if (framing === 'close') return `${OK}\r\n`
  if (framing === 'close 1.0') return `${OK}\r\n`.replace('HTTP/1.1', 'HTTP/1.0')
  return `${OK}transfer-encoding: chunked\r\n\r\n`
}

function lengthLine(length: number, form: number): string {
  const hex = length.toString(16).padStart(1 + (form % MOST_DIGITS), '0')
  return form % 2 === 0 ? hex : hex.toUpperCase()
}

const manners: fc.Arbitrary<Manners> = fc.record({
  isStream: fc.nat(4).map((roll) => roll > 0),
  takes: fc.oneof(fc.constant([true]), fc.array(fc.boolean(), { minLength: 1, maxLength: 6 })),
  pauses: fc.oneof(fc.constant([false]), fc.array(fc.boolean(), { minLength: 1, maxLength: 5 })),
  opensAfter: fc.nat(3),
})
const places = fc.array(fc.nat(5_000), { maxLength: 8 })
const exchange = fc.record({
  answer,
  manners,
  cuts: fc.record({
    places: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, places),
    /** Whether there is one at the next border, over and over. */
    areAtBorders: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
  }),
})
type Exchange = typeof exchange extends fc.Arbitrary<infer Value> ? Value : never

/** Up to `end`. */
function piecesOf({ answer: { wire, borders }, cuts }: Exchange, end = wire.length): Buffer[] {
  const atBorders = borders.filter((_border, at) => next(cuts.areAtBorders, at))
  return cutAt(wire.subarray(0, end), [...cuts.places, ...atBorders.filter((at) => at < end)])
}

function assertWhole(seen: Receiver, { body, trailers }: Case): void {
  deepEqual([seen.outcome, seen.ends, seen.trailers], ['complete', 1, trailers], seen.error)
  deepEqual(String(seen.body), String(body))
  ok(seen.body.equals(body))
}

t.test('every byte of a body comes once and in order, however it is cut or taken', async (t) => {
  const { ask } = await stage(t)
  let taken = 0
  await fc.assert(
    fc.asyncProperty(fc.array(exchange, { minLength: 1, maxLength: 3 }), async (exchanges) => {
      for (const each of exchanges) {
        const end = each.answer.isOpenEnded ? 'FIN' : 'stays'
        const seen = await ask(each.manners, { pieces: piecesOf(each), end })
        assertWhole(seen, each.answer)
        taken += seen.takes
      }
    }),
    { numRuns: 600 },
  )
  t.ok(taken > 50, `${taken} pieces were taken`)
})

t.test('a body that breaks off before its end is an error, not complete', async (t) => {
  const { ask } = await stage(t)
  const broken = fc.record({
    each: exchange.filter(({ answer: { body } }) => body.length > 0),
    left: fc.integer({ min: 1, max: 400 }),
    how: fc.constantFrom<End>('FIN', 'RST'),
  })
  await fc.assert(
    fc.asyncProperty(broken, async ({ each, left, how }) => {
      const { wire, body, isOpenEnded } = each.answer
      // Where only the end of the connection is the end, one in order cannot be told from a break.
      const end = isOpenEnded ? 'RST' : how
      const pieces = piecesOf(each, Math.max(1, wire.length - left))
      const seen = await ask(each.manners, { pieces, end })
      const isPrefix = body.subarray(0, seen.body.length).equals(seen.body)
      return seen.outcome === 'error' && seen.ends === 1 && isPrefix
    }),
    { numRuns: 200 },
  )
})

import { equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Chunks } from '../../src/backends/chunks.js'

const HELLO = '5\r\nhello\r\n'

interface Frame {
  readonly data: Uint8Array
  readonly zeros: number
  readonly isUpper: boolean
}

const frame: fc.Arbitrary<Frame> = fc.record({
  // The second is full of what frames are made of.
  data: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => bytes.map(frameByte)),
  ),
  zeros: fc.nat(6),
  isUpper: fc.boolean(),
})
const frames = fc.array(frame, { minLength: 1, maxLength: 12 })
const cuts = fc.array(fc.nat(2_000), { maxLength: 12 })

function frameByte(byte: number): number {
  return '\r\n05aF'.charCodeAt(byte % 6)
}

/** A length of at most six digits. */
function lengthLine({ data, zeros, isUpper }: Frame): string {
  const hex = data.length.toString(16)
  const digits = hex.padStart(Math.min(6, hex.length + zeros), '0')
  return `${isUpper ? digits.toUpperCase() : digits}\r\n`
}

type Framed = ReturnType<typeof framed>

/** The bytes of a body and, of each, whether it is data; and the places where a cut can fall. */
function framed(all: readonly Frame[]) {
  const parts: Buffer[] = []
  const isData: boolean[] = []
  const borders = new Set([0])
  const inLengths = new Set<number>()
  for (const each of all) {
    const line = lengthLine(each)
    for (let at = 1; at < line.length; at += 1) inLengths.add(isData.length + at)
    parts.push(Buffer.from(line), Buffer.from(each.data), Buffer.from('\r\n'))
    isData.push(...Array(line.length).fill(false), ...Array(each.data.length).fill(true))
    isData.push(false, false)
    borders.add(isData.length)
  }
  return { bytes: Buffer.concat(parts), isData, borders, inLengths }
}

/** The begin and end of each read. */
function readsOf(length: number, at: readonly number[]): [begin: number, end: number][] {
  const inside = new Set(at.map((place) => place % length).filter((place) => place > 0))
  const edges = [0, ...[...inside].sort((a, b) => a - b), length]
  return edges.slice(1).map((end, index) => [edges[index] ?? 0, end])
}

function dataOf(chunks: Chunks, read: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < chunks.ranges.length; at += 2)
    parts.push(read.subarray(chunks.ranges[at], chunks.ranges[at + 1]))
  return Buffer.concat(parts)
}

/** Passes a body in these reads; throws at the first that is not taken for what it is. */
function passAll({ bytes, isData, borders, inLengths }: Framed, at: readonly number[]): void {
  const chunks = new Chunks()
  let isLost = false
  for (const [begin, end] of readsOf(bytes.length, at)) {
    const read = bytes.subarray(begin, end)
    const passes = chunks.pass(read)
    isLost ||= inLengths.has(end)
    equal(chunks.isLost, isLost)
    equal(passes, !isLost && borders.has(begin) && borders.has(end))
    const data = read.filter((_byte, index) => isData[begin + index])
    if (passes) ok(dataOf(chunks, read).equals(data))
  }
}

t.test('exactly the reads that are whole chunks pass, with exactly their data', async () => {
  const somewhere = fc.record({ all: frames, at: cuts, some: fc.array(fc.nat(12)) })
  fc.assert(
    fc.property(somewhere, ({ all, at, some }) => {
      const body = framed(all)
      const borders = [...body.borders]
      passAll(body, [...at, ...some.map((each) => borders[each] ?? 0)])
    }),
    { numRuns: 500 },
  )
})

const STRANGE: Readonly<Record<string, string>> = {
  'an extension': '5;a=1\r\nhello\r\n',
  'the last chunk': '0\r\n\r\n',
  'a last chunk of many zeros': '000000\r\n\r\n',
  'a last chunk with trailers': '0\r\na: b\r\n\r\n',
  'a line break that is LF only': '5\nhello\r\n',
  'LF only behind the data': '5\r\nhello\n5\r\n',
  'no line break behind the data': '5\r\nhello5\r\nhello\r\n',
  'data that is longer than its length': '5\r\nhello!\r\n',
  'what is no hexadecimal digit': 'g\r\nhello\r\n',
  'a sign': '+5\r\nhello\r\n',
  'a space before the length': ' 5\r\nhello\r\n',
  'a space behind the length': '5 \r\nhello\r\n',
  'an x': '0x5\r\nhello\r\n',
  'no length': '\r\nhello\r\n',
  'seven digits': '0000005\r\nhello\r\n',
  'a length of a gigabyte': '40000000\r\nhello\r\n',
  'half a length': '5',
  'half a line break': '5\r',
}

t.test('at anything that is not plain it is lost, for ever', async (t) => {
  for (const [what, bytes] of Object.entries(STRANGE)) {
    for (const [before, begin] of [
      ['', ''],
      [HELLO, ''],
      ['5\r\nhel', 'lo\r\n'],
    ] as const) {
      const chunks = new Chunks()
      chunks.pass(Buffer.from(before))
      for (const next of [begin + bytes, HELLO, HELLO + HELLO, 'o\r\n', '\r\n', HELLO]) {
        t.equal(chunks.pass(Buffer.from(next)), false, `${what}, behind '${before}'`)
        t.ok(chunks.isLost, what)
      }
    }
  }
})

t.test('whole chunks in one read with what is not plain do not pass either', async (t) => {
  for (const [what, bytes] of Object.entries(STRANGE)) {
    const chunks = new Chunks()
    t.equal(chunks.pass(Buffer.from(HELLO + bytes)), false, what)
    t.ok(chunks.isLost, what)
  }
})

t.test('whatever comes, it throws nothing and stays within the read', async () => {
  const noise = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes.map(frameByte)))
  fc.assert(
    fc.property(fc.array(noise), (reads) => {
      const chunks = new Chunks()
      return reads.every((read) => {
        const wasLost = chunks.isLost
        const passes = chunks.pass(read)
        const isSorted = chunks.ranges.every((place, at) => place >= (chunks.ranges[at - 1] ?? 0))
        const isInside = chunks.ranges.every((place) => place <= read.length)
        return isSorted && isInside && !(wasLost && passes)
      })
    }),
    { numRuns: 1_000 },
  )
})

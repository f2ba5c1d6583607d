import t from 'tap'
import { closing, type Frame, frameAt, frameOf, PING, TEXT } from '../../src/front/comfy-frames.js'

const MASK = Buffer.from([1, 2, 3, 4])

/** A frame as a client sends it: the gateway's own, masked. */
function masked(frame: Buffer): Buffer {
  const short = frame.readUInt8(1)
  const at = short < 126 ? 2 : short === 126 ? 4 : 10
  const head = Buffer.from(frame.subarray(0, at))
  head.writeUInt8(short | 0x80, 1)
  const payload = frame.subarray(at).map((byte, i) => byte ^ (MASK[i % 4] ?? 0))
  return Buffer.concat([head, MASK, payload])
}

t.test('a frame of a client is read once it is whole, whatever its length', async (t) => {
  for (const length of [0, 1, 125, 126, 65_535]) {
    const payload = Buffer.alloc(length, 'é')
    const bytes = masked(frameOf(PING, payload))
    for (const size of [0, 1, 2, 5, bytes.length - 1]) {
      t.equal(frameAt(bytes.subarray(0, size)), undefined, `${size} bytes of ${length}`)
    }
    const frame = frameAt(Buffer.concat([bytes, Buffer.from('more')])) as Frame
    t.match(frame, { opcode: PING, size: bytes.length })
    t.ok(frame.payload.equals(payload))
  }
})

t.test('a client that does not mask, or sends too much, is closed with the reason', async (t) => {
  t.equal(frameAt(frameOf(TEXT, Buffer.from('hello'))), 1002)
  t.equal(frameAt(masked(frameOf(TEXT, Buffer.alloc(65_536)))), 1009)
  t.same(closing(1002), Buffer.from([0x88, 2, 0x03, 0xea]))
})

t.test('a long message of the gateway has a length of 64 bits', async (t) => {
  const frame = frameOf(TEXT, Buffer.alloc(70_000))
  t.same(frame.subarray(0, 10), Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]))
})

import t from 'tap'
import { type DeviceFacts, othersOf, roomOf, totalOf } from '../../src/memory/room.js'

/** A card of ten of which one is kept free. */
function card(facts: Partial<DeviceFacts> = {}): DeviceFacts {
  const none = { keepFreeBytes: 1, heldBytes: 0, outsideBytes: 0 }
  return { memoryBytes: 'auto', reading: { totalBytes: 10, usedBytes: 0 }, ...none, ...facts }
}

const used = (usedBytes: number) => ({ totalBytes: 10, usedBytes })

t.test('a device has what its driver says, or what routes.json says instead', async (t) => {
  t.equal(totalOf(card()), 10)
  t.equal(totalOf(card({ memoryBytes: 8 })), 8)
  t.equal(totalOf(card({ reading: undefined })), undefined)
})

t.test('where neither tells, there is no limit', async (t) => {
  t.equal(roomOf(card({ reading: undefined })), undefined)
  t.equal(roomOf(card({ reading: undefined, memoryBytes: 8 })), 7)
})

t.test('what is used is of others as far as it is not ours', async (t) => {
  t.equal(othersOf(card({ reading: used(7), heldBytes: 4 })), 3)
  t.equal(othersOf(card({ reading: used(7), heldBytes: 4, outsideBytes: 2 })), 1)
  t.equal(othersOf(card({ reading: used(3), heldBytes: 4 })), 0, 'never less than nothing')
  t.equal(othersOf(card({ reading: undefined })), 0)
})

t.test('what is kept free counts once: as free, or as what others have of it', async (t) => {
  t.equal(roomOf(card()), 9)
  t.equal(roomOf(card({ reading: used(1) })), 9)
  t.equal(roomOf(card({ reading: used(4) })), 6)
  t.equal(roomOf(card({ reading: used(4), heldBytes: 4 })), 9, 'what is ours is not taken from it')
})

t.test('more is not given than routes.json allows, nor than the card has', async (t) => {
  t.equal(roomOf(card({ memoryBytes: 5 })), 4)
  t.equal(roomOf(card({ memoryBytes: 50, reading: used(4) })), 6)
})

import t from 'tap'
import type { MemoryConfig } from '../../src/config/config.js'
import { type Device, needsMemory, placementsOf } from '../../src/memory/needs.js'

const DEVICES: Device[] = [
  { name: 'gpu0', isGpu: true, totalBytes: 24 },
  { name: 'gpu1', isGpu: true, totalBytes: 9 },
  { name: 'ram', isGpu: false, totalBytes: undefined },
]

function needs(config: Partial<MemoryConfig>, learned = (_device: string) => 0) {
  const memory = { amounts: {}, anyGpu: undefined, shares: {}, ...config }
  return placementsOf(memory, DEVICES, learned)
}

t.test('numbers are taken as they are, on all their devices together', async (t) => {
  t.same(needs({ amounts: { gpu0: 4, ram: 6 } }), [{ gpu0: 4, ram: 6 }])
})

t.test('for "auto" counts what was learned of that device', async (t) => {
  const learned = (device: string) => ({ gpu0: 7, ram: 8 })[device] ?? 0
  t.same(needs({ amounts: { gpu0: 'auto', ram: 2 } }, learned), [{ gpu0: 7, ram: 2 }])
})

t.test(
  'a share is a part of the whole device, and of nothing where its size is not known',
  async (t) => {
    t.same(needs({ shares: { gpu1: 0.5, ram: 0.5 } }), [{ gpu1: 4, ram: 0 }])
  },
)

t.test('any card means each of them, with what is needed elsewhere', async (t) => {
  t.same(needs({ anyGpu: 5, amounts: { ram: 2 } }), [
    { ram: 2, gpu0: 5 },
    { ram: 2, gpu1: 5 },
  ])
  t.same(
    needs({ anyGpu: 'auto' }, (device) => (device === 'gpu0' ? 3 : 4)),
    [{ gpu0: 3 }, { gpu1: 4 }],
  )
  t.same(needs({ anyGpu: 5, amounts: { gpu0: 1 } })[0], { gpu0: 6 }, 'beside what it needs there')
})

t.test('who names no device needs no memory', async (t) => {
  const none = { amounts: {}, anyGpu: undefined, shares: {} }
  t.same(needs(none), [{}])
  t.equal(needsMemory(none), false)
  for (const some of [{ amounts: { ram: 1 } }, { anyGpu: 1 }, { shares: { gpu0: 0.1 } }] as const) {
    t.equal(needsMemory({ ...none, ...some }), true)
  }
})

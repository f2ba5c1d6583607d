import t from 'tap'
import type { DeviceConfig } from '../../src/config/config.js'
import type { DeviceReading } from '../../src/memory/devices/reading.js'
import { matchDevices } from '../../src/memory/match-devices.js'
import { usageOf } from '../../src/memory/usage.js'

function reading(id: string, facts: Partial<DeviceReading> = {}): DeviceReading {
  const card = { kind: 'nvidia', name: id, totalBytes: 100, usedBytes: 0, select: {} } as const
  return { id, byPid: undefined, ...card, ...facts }
}

const RAM = reading('ram', { kind: 'ram' })

function heldBy(pids: number[], readings: Record<string, DeviceReading>) {
  const resident = new Map([
    [1, { bytes: 10, heldBytes: 4 }],
    [2, { bytes: 5, heldBytes: 5 }],
  ])
  const facts = { readings: new Map(Object.entries(readings)), resident }
  return usageOf({ ...facts, pids: new Map([['chat', pids]]) }).get('chat')
}

t.test('what the processes of a backend hold is added up, of each device', async (t) => {
  const gpu0 = reading('a', {
    byPid: new Map([
      [1, 20],
      [2, 30],
      [9, 7],
    ]),
  })
  const gpu1 = reading('b', { byPid: new Map([[2, 1]]) })
  t.same(heldBy([1, 2], { gpu0, gpu1 }), {
    seen: { gpu0: 50, gpu1: 1 },
    counted: { gpu0: 50, gpu1: 1 },
  })
})

t.test(
  'a card that does not tell of a backend says nothing of it, which is not zero',
  async (t) => {
    t.same(heldBy([1], { gpu0: reading('a') }), { seen: {}, counted: {} })
    const other = reading('a', { byPid: new Map([[9, 7]]) })
    t.same(heldBy([1], { gpu0: other }), { seen: {}, counted: {} })
  },
)

t.test('of ram, model files that are mapped are seen, and not counted as used', async (t) => {
  t.same(heldBy([1, 2, 3], { ram: RAM }), { seen: { ram: 15 }, counted: { ram: 9 } })
  t.same(heldBy([3], { ram: RAM }), { seen: { ram: 0 }, counted: { ram: 0 } })
})

function matched(devices: Record<string, string | undefined>, readings: readonly DeviceReading[]) {
  const configs = Object.entries(devices).map(
    ([name, id]): DeviceConfig => ({
      ...{ name, id, memoryBytes: 'auto', keepFreeBytes: 0, concurrency: 0 },
    }),
  )
  return Object.fromEntries(
    [...matchDevices(configs, readings)].map(([name, { id }]) => [name, id]),
  )
}

t.test('cards are found by their number, without counting ram, and ram by its name', async (t) => {
  const readings = [reading('A'), RAM, reading('B')]
  t.same(matched({ gpu0: undefined, gpu1: undefined, ram: undefined }, readings), {
    ...{ gpu0: 'A', gpu1: 'B', ram: 'ram' },
  })
})

t.test(
  'a device that is not there, or has a name of its own and no id, has no reading',
  async (t) => {
    t.same(matched({ gpu3: undefined, fast: undefined, ram: undefined }, [reading('A')]), {})
  },
)

t.test('an id finds its card wherever that is, by its begin and in any case', async (t) => {
  const readings = [reading('GPU-11aa'), reading('GPU-22bb'), RAM]
  t.same(matched({ gpu0: 'gpu-22', fast: 'GPU-11aa' }, readings), {
    ...{ gpu0: 'GPU-22bb', fast: 'GPU-11aa' },
  })
  t.same(matched({ gpu0: 'GPU-33' }, readings), {}, 'and never another one')
})

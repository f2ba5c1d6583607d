import { performance } from 'node:perf_hooks'
import process from 'node:process'
import t, { type Test } from 'tap'
import type { DeviceConfig } from '../../src/config/config.js'
import { Gauge } from '../../src/memory/devices/gauge.js'
import type { DeviceReading } from '../../src/memory/devices/reading.js'
import { Meter } from '../../src/memory/meter.js'
import { settle } from '../../src/memory/settle.js'

const GPU: DeviceConfig = {
  ...{ name: 'gpu0', id: undefined, memoryBytes: 'auto', keepFreeBytes: 0, concurrency: 0 },
}

/** A card that says in turn that so much is used, and the last of it for ever; this process has 40 of that. */
async function meterOf(t: Test, used: readonly number[], tells = true) {
  let reads = 0
  const card: Omit<DeviceReading, 'usedBytes'> = {
    ...{ id: 'A', kind: 'nvidia', name: 'A', totalBytes: 100, select: {} },
    byPid: tells ? new Map([[process.pid, 40]]) : undefined,
  }
  const read = async () => {
    reads += 1
    return [{ ...card, usedBytes: used[Math.min(reads, used.length) - 1] ?? 0 }]
  }
  const gauge = new Gauge({ sources: [{ name: 'driver', read }], onWarning: t.fail })
  t.teardown(() => gauge.close())
  const meter = new Meter(gauge, [GPU], () => {})
  meter.begin('chat', process.pid)
  await meter.fresh()
  const settled = (signal = new AbortController().signal, devices = ['gpu0', 'ram']) =>
    settle(meter, 'chat', {
      devices,
      signal,
      usedBesides: (device) => meter.reading(device)?.usedBytes ?? 0,
    })
  return { meter, settled, reads: () => reads }
}

t.test('memory is back once the driver shows as free what was held, but for a rest', async (t) => {
  const { meter, settled, reads } = await meterOf(t, [60, 60, 45, 31, 30])
  t.same(meter.held('chat').seen, { gpu0: 40 })
  const settling = settled()
  t.same(meter.held('chat').seen, {}, 'what it held is forgotten')
  t.equal(await settling, true)
  t.equal(reads(), 5, 'sixty without forty are twenty, and ten more are within a quarter of it')
})

t.test(
  'where the driver does not tell who held it, it is back when no more comes back',
  async (t) => {
    const { settled, reads } = await meterOf(t, [60, 50, 30, 30], false)
    t.equal(await settled(), true)
    t.equal(reads(), 7, 'a driver may pause before it gives back the rest')
  },
)

t.test('of a device that no driver tells of, nothing is waited for', async (t) => {
  const { settled, reads } = await meterOf(t, [60])
  t.equal(await settled(undefined, ['gpu7', 'ram']), true)
  t.equal(reads(), 1)
})

t.test('nobody waits for it any more when the gateway ends', async (t) => {
  const { settled } = await meterOf(t, [60])
  const ending = new AbortController()
  const settling = settled(ending.signal)
  ending.abort()
  t.equal(await settling, true)
})

t.test('what does not come back within ten seconds is waited for no longer', async (t) => {
  const { settled } = await meterOf(t, [60])
  const { now } = performance
  let lateMs = 0
  t.intercept(performance, 'now', { value: () => now.call(performance) + lateMs })
  const settling = settled()
  lateMs = 10_000
  t.equal(await settling, false)
})

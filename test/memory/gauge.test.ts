import t, { type Test } from 'tap'
import { Gauge, type GaugeOptions } from '../../src/memory/devices/gauge.js'
import {
  type DeviceReading,
  type DeviceSource,
  SourceFailure,
} from '../../src/memory/devices/reading.js'
import { FakeClock, settled } from '../helpers/fake-clock.js'

function card(usedBytes: number, id = 'GPU-1'): DeviceReading {
  const facts = { kind: 'nvidia', name: id, totalBytes: 100, byPid: new Map(), select: {} } as const
  return { id, usedBytes, ...facts }
}

const RAM: DeviceReading = { ...card(5, 'ram'), kind: 'ram' }

/** A source whose answers are given by hand. */
class Hand implements DeviceSource {
  readonly name = 'nvidia-smi'
  readonly asked: {
    answer: (readings: readonly DeviceReading[]) => void
    fail: (error: unknown) => void
    signal: AbortSignal
  }[] = []

  read(signal: AbortSignal): Promise<readonly DeviceReading[]> {
    return new Promise((answer, fail) => void this.asked.push({ answer, fail, signal }))
  }

  get last() {
    const last = this.asked.at(-1)
    if (!last) throw new Error('it was not asked')
    return last
  }
}

/** A source that answers at once. */
function ready(answer: () => readonly DeviceReading[], name = 'nvidia-smi') {
  const read = async () => {
    source.reads += 1
    return answer()
  }
  const source = { name, reads: 0, read }
  return source
}

function gaugeOf(t: Test, sources: readonly DeviceSource[], options: Partial<GaugeOptions> = {}) {
  const clock = new FakeClock()
  const [warnings, infos]: [string[], string[]] = [[], []]
  const gauge = new Gauge({
    ...{ sources, clock, ...options },
    onWarning: (text) => void warnings.push(text),
    onInfo: (text) => void infos.push(text),
  })
  t.teardown(() => gauge.close())
  return { gauge, clock, warnings, infos }
}

const used = (readings: readonly DeviceReading[] | undefined) =>
  readings?.map(({ usedBytes }) => usedBytes)

t.test('nothing is known before the first reading, and nothing is read unasked', async (t) => {
  const source = ready(() => [card(1)])
  const { gauge, clock } = gaugeOf(t, [source])
  t.equal(gauge.latest(), undefined)
  await clock.pass(60_000)
  t.equal(source.reads, 0)
  t.same(used(await gauge.fresh()), [1])
  t.same(used(gauge.latest()), [1])
  t.equal(clock.timers, 0, 'and nothing is left to run')
})

t.test('who asks in the same tick shares one reading', async (t) => {
  const source = ready(() => [card(1)])
  const { gauge } = gaugeOf(t, [source])
  await Promise.all([gauge.fresh(), gauge.fresh(), gauge.fresh()])
  t.equal(source.reads, 1)
})

t.test('who asks while a reading is under way gets one that was begun later', async (t) => {
  const source = new Hand()
  const { gauge } = gaugeOf(t, [source])
  const first = gauge.fresh()
  await settled()
  const later = [gauge.fresh(), gauge.fresh()]
  source.last.answer([card(1)])
  t.same(used(await first), [1])
  await settled()
  t.equal(source.asked.length, 2, 'one for both, and never two at a time')
  source.last.answer([card(2)])
  t.same((await Promise.all(later)).map(used), [[2], [2]])
})

t.test('who asks of a source that hangs gets after two seconds what is known', async (t) => {
  const hangs = new Hand()
  const { gauge, clock } = gaugeOf(t, [hangs, ready(() => [RAM], 'The system')])
  const first = gauge.fresh()
  await settled()
  hangs.last.answer([card(1)])
  t.same(used(await first), [1, 5])
  let answer: readonly DeviceReading[] | undefined
  void gauge.fresh().then((readings) => {
    answer = readings
  })
  await settled()
  await clock.pass(1_999)
  t.equal(answer, undefined)
  await clock.pass(1)
  t.same(used(answer), [1, 5])
})

t.test('a source that hangs is given up after a while, with one warning', async (t) => {
  const hangs = new Hand()
  const { gauge, clock, warnings } = gaugeOf(t, [hangs, ready(() => [RAM], 'The system')])
  gauge.watch('fast')
  await clock.pass(9_000)
  t.equal(hangs.asked.length, 1, 'it is not asked again meanwhile')
  t.same(used(gauge.latest()), [5], 'the other one is read')
  await clock.pass(2_000)
  t.ok(hangs.asked[0]?.signal.aborted)
  t.match(warnings, [/^nvidia-smi does not tell .*within 10 s.*routes\.json/])
  await clock.pass(3_600_000)
  t.equal(warnings.length, 1)
  t.ok(hangs.asked.length > 5 && hangs.asked.length < 30, `asked ${hangs.asked.length} times`)
})

t.test('what a late source tells in the end is known', async (t) => {
  const late = new Hand()
  const { gauge, clock, warnings } = gaugeOf(t, [late])
  const asked = gauge.fresh()
  await settled()
  await clock.pass(2_000)
  t.same(await asked, [])
  late.last.answer([card(3)])
  await settled()
  t.same(used(gauge.latest()), [3])
  t.same(warnings, [])
})

t.test(
  'a source that fails is left out, tried ever more rarely, and told of when back',
  async (t) => {
    const world = { isBroken: false }
    const source = ready(() => {
      if (world.isBroken) throw new SourceFailure('the driver is gone')
      return [card(1)]
    })
    const { gauge, clock, warnings, infos } = gaugeOf(t, [source, ready(() => [RAM], 'The system')])
    gauge.watch('fast')
    await clock.pass(1_000)
    world.isBroken = true
    await clock.pass(1_000)
    t.same(used(gauge.latest()), [5])
    t.match(warnings, [/^nvidia-smi does not tell what memory is in use: the driver is gone\./])
    const before = source.reads
    await clock.pass(3_600_000)
    const tries = source.reads - before
    t.ok(tries >= 12 && tries <= 24, `${tries} tries in an hour`)
    t.equal(warnings.length, 1)
    t.same(infos, [])
    world.isBroken = false
    await clock.pass(300_500)
    t.same(used(gauge.latest()), [1, 5])
    t.same(infos, ['nvidia-smi tells again what memory is in use'])
    world.isBroken = true
    await clock.pass(1_000)
    t.equal(warnings.length, 2, 'the next time it fails is another one')
  },
)

t.test('a machine without cards is none to warn of, unless one is expected', async (t) => {
  const missing = {
    name: 'nvidia-smi',
    read: async () => {
      throw new SourceFailure('nvidia-smi was not found', { toolIsMissing: true })
    },
  }
  const sources = [missing, ready(() => [], 'amdgpu'), ready(() => [RAM], 'The system')]
  const without = gaugeOf(t, sources)
  without.gauge.watch('fast')
  await without.clock.pass(60_000)
  t.same(without.warnings, [])
  const expecting = gaugeOf(t, sources, { expectsGpu: true })
  expecting.gauge.watch('fast')
  await expecting.clock.pass(60_000)
  t.match(expecting.warnings, [/^No graphics card tells its memory/])
  t.equal(expecting.warnings.length, 1)
  const amd = ready(() => [{ ...card(1), kind: 'amd' as const }], 'amdgpu')
  const other = gaugeOf(t, [missing, amd], { expectsGpu: true })
  await other.gauge.fresh()
  t.same(other.warnings, [], 'the tool of another maker need not be there')
})

t.test('one that fails is not also missed', async (t) => {
  const fails = ready(() => {
    throw new SourceFailure('no luck')
  })
  const { gauge, warnings } = gaugeOf(t, [fails], { expectsGpu: true })
  await gauge.fresh()
  await gauge.fresh()
  t.match(warnings, [/no luck/])
  t.equal(warnings.length, 1)
})

t.test('it reads every half second, every ten, or not at all, as it is told', async (t) => {
  const source = ready(() => [card(1)])
  const { gauge, clock } = gaugeOf(t, [source])
  const readsIn = async (ms: number) => {
    const before = source.reads
    await clock.pass(ms)
    return source.reads - before
  }
  gauge.watch('slow')
  t.equal(await readsIn(1), 1, 'the first at once')
  t.equal(await readsIn(60_000), 6)
  gauge.watch('fast')
  t.equal(await readsIn(498), 0)
  t.equal(await readsIn(1), 1, 'the pace counts from the last reading')
  t.equal(await readsIn(5_000), 10)
  gauge.watch('slow')
  t.equal(await readsIn(9_999), 0)
  gauge.watch('off')
  t.equal(await readsIn(60_000), 0)
  await gauge.fresh()
  t.equal(await readsIn(60_000), 0, 'asking does not change that')
})

t.test('whoever listens hears of each reading, until it does not listen', async (t) => {
  let now = 0
  const { gauge, clock } = gaugeOf(t, [ready(() => [card(++now)])])
  const heard: unknown[] = []
  const leave = gauge.onReading((readings) => void heard.push(used(readings)))
  await gauge.fresh()
  t.same(heard, [[1]], 'also of one that somebody asked for, and before he has it')
  gauge.watch('fast')
  await clock.pass(1_000)
  t.same(heard, [[1], [2], [3]])
  leave()
  await clock.pass(1_000)
  t.equal(heard.length, 3)
})

t.test('closed, it ends what it began, reads no more and refuses nobody', async (t) => {
  const source = new Hand()
  const { gauge, clock, warnings } = gaugeOf(t, [source])
  gauge.watch('fast')
  await clock.pass(0)
  const waiting = gauge.fresh()
  gauge.close()
  t.ok(source.last.signal.aborted)
  t.same(await waiting, [])
  t.same(await gauge.fresh(), [])
  gauge.watch('slow')
  await clock.pass(60_000)
  t.equal(source.asked.length, 1)
  t.same(warnings, [])
  t.equal(clock.timers, 0)
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Gateway, startGateway } from '../helpers/gateway.js'
import {
  ask,
  CARD,
  isEmpty,
  isIdle,
  keepBusy,
  MIB,
  metric,
  on,
  routesOf,
  stage,
  stateOf,
  warnings,
} from '../helpers/on-cards.js'
import { until } from '../helpers/until.js'

t.test(
  'what runs out of memory is started once more, with room that another gives up',
  async (t) => {
    const foreign = [{ ...CARD, foreignMiB: 0 }]
    const backends = {
      a: on({ mib: 500 }),
      low: { ...on({ mib: 700 }), memory: { gpu0: '400MiB' } },
    }
    const { gateway, pretend } = await stage(t, { cards: foreign, backends })
    t.equal((await ask(gateway, 'a')).status, 200)
    await until('it is old enough', () => isIdle(gateway, 'a'))
    t.equal((await ask(gateway, 'low')).status, 200, '400 MiB were free, and 700 are after')
    t.equal(stateOf(gateway, 'a'), 'stopped')
    const evicted = 'gatehouse_backend_evictions_total{backend="a",reason="out-of-memory"}'
    t.equal(await metric(gateway, evicted), 1)
    await until('it was said', () =>
      warnings(gateway).some((text) => text.includes('write "gpu0": "768MiB"')),
    )
    pretend.set([{ ...CARD, foreignMiB: 400 }])
    const { status, text } = await ask(gateway, 'a')
    t.equal(status, 200, text)
  },
)

t.test('what cannot be helped is told with who holds what', async (t) => {
  const cards = [{ ...CARD, foreignMiB: 500 }]
  const low = { ...on({ mib: 700 }), memory: { gpu0: '400MiB' } }
  const { gateway } = await stage(t, { cards, backends: { low } })
  const { status, text } = await ask(gateway, 'low')
  t.equal(status, 503)
  t.match(
    text,
    /ran out of memory when it started.*other programs and the driver hold 500MiB of gpu0/,
  )
  t.equal(stateOf(gateway, 'low'), 'failed')
  await until('nothing is held', () => isEmpty(gateway))
})

t.test('a need that no card could meet is refused at once', async (t) => {
  const { gateway } = await stage(t, {
    backends: { a: { ...on({ mib: 100 }), memory: { gpu0: '2GiB' } } },
  })
  const { status, text } = await ask(gateway, 'a')
  t.equal(status, 502)
  t.match(text, /it needs 2GiB of gpu0, and there is at most 1000MiB of gpu0 for it/)
})

t.test('any card will do, and the program sees no other', async (t) => {
  const cards = [CARD, { uuid: 'GPU-bbbb', name: 'Pretend 2000', totalMiB: 2000 }]
  const devices = { gpu0: { memory: 'auto' }, gpu1: { memory: 'auto' } }
  const any = (mib: number) => ({ ...on({ mib }), memory: { gpu: `${mib}MiB` } })
  const backends = { a: any(700), b: any(700), c: any(900) }
  const { gateway } = await stage(t, { cards, devices, backends })
  for (const name of ['a', 'b', 'c']) t.equal((await ask(gateway, name)).status, 200)
  t.same(
    ['a', 'b', 'c'].map((name) => stateOf(gateway, name)),
    ['ready', 'ready', 'ready'],
  )
  const failed = gateway.starts.filter(({ outcome }) => outcome !== 'ready')
  t.same(failed, [], 'each took what it was given, where it was given')
})

t.test('what a backend needs is learned, and remembered by the next gateway', async (t) => {
  const backends = {
    a: { ...on({ mib: 600 }), memory: 'auto' },
    b: { ...on({ mib: 350 }), memory: 'auto' },
  }
  const { gateway, pretend } = await stage(t, { backends })
  const reservedOf = (of: Gateway, name: string) =>
    of.app.memory.scheduler.reserved().get(name)?.amounts.gpu0
  t.equal((await ask(gateway, 'a')).status, 200)
  t.equal(
    reservedOf(gateway, 'a'),
    1000 * MIB,
    'of no model file anything is known: it runs alone once',
  )
  t.equal((await ask(gateway, 'b')).status, 200)
  t.equal(stateOf(gateway, 'a'), 'stopped')
  t.equal((await ask(gateway, 'a')).status, 200)
  t.equal(reservedOf(gateway, 'a'), Math.ceil(600 * MIB * 1.05))
  await gateway.app.close()
  t.match(readFileSync(join(gateway.stateDir, 'memory.json'), 'utf8'), `"gpu": ${350 * MIB}`)
  const next = await startGateway(t, routesOf(backends), {
    folder: gateway.folder,
    env: pretend.env,
  })
  for (const name of ['a', 'b']) t.equal((await ask(next, name)).status, 200)
  t.equal(stateOf(next, 'a'), 'ready', 'now both are known to fit')
})

t.test(
  'a share is a quota: who holds more is counted, and stopped where that was asked for',
  async (t) => {
    const shared = { memory: {}, share: { gpu0: 0.5 } }
    const greedy = { ...on({ mib: '400:200' }), ...shared, onOverQuota: 'stop' }
    const { gateway } = await stage(t, { backends: { greedy } })
    t.equal((await ask(gateway, 'greedy')).status, 200)
    const pid = gateway.app.pool.get('greedy')?.status().pid ?? 0
    t.equal(gateway.app.memory.scheduler.reserved().get('greedy')?.amounts.gpu0, 500 * MIB)
    process.kill(pid, 'SIGUSR2')
    await until('it is stopped', async () => {
      await gateway.app.memory.meter.fresh()
      return stateOf(gateway, 'greedy') === 'stopped'
    })
    t.equal(
      await metric(gateway, 'gatehouse_backend_over_quota_total{backend="greedy",device="gpu0"}'),
      1,
    )
    t.match(warnings(gateway), [/greedy holds 600MiB of gpu0, and may hold 500MiB/])
    t.equal((await ask(gateway, 'greedy')).status, 200, 'and it may come back')
  },
)

t.test(
  'without a driver that answers, the numbers in routes.json count, and that is said once',
  async (t) => {
    const devices = { gpu0: { memory: '1000MiB' } }
    const backends = { a: on({ mib: 600 }), b: on({ mib: 600 }) }
    for (const how of ['fail', 'hang'] as const) {
      const { gateway, pretend } = await stage(t, { devices, backends })
      pretend[how](true)
      for (const name of ['a', 'b', 'a']) t.equal((await ask(gateway, name)).status, 200, name)
      t.equal(stateOf(gateway, 'b'), 'stopped')
      t.ok(warnings(gateway).length <= 1, warnings(gateway).join())
    }
  },
)

t.test(
  'backends on one device take turns where it runs only so many requests at once',
  async (t) => {
    const devices = { gpu0: { memory: '1000MiB', concurrency: 1 } }
    const slow = ['--token-interval', '20']
    const backends = {
      a: on({ mib: 300, options: slow }),
      b: on({ mib: 300, options: slow }),
      c: { ...on({ mib: 100 }), memory: {} },
    }
    const { gateway } = await stage(t, { devices, backends })
    for (const name of ['a', 'b', 'c']) await ask(gateway, name)
    const busy = await keepBusy(gateway, 'a', 60)
    let isOver = false
    const other = ask(gateway, 'b').then(({ status }) => {
      t.ok(isOver, 'it had its turn when the other was done')
      return status
    })
    t.equal((await ask(gateway, 'c')).status, 200, 'what is on no device waits for nobody')
    t.notOk(isOver)
    await busy.done.then(() => {
      isOver = true
    })
    t.equal(await other, 200)
  },
)

t.test('a backend that outlived its gateway holds its memory in the next one, too', async (t) => {
  const backends = { a: on({ mib: 600 }), b: on({ mib: 600 }) }
  const { gateway, pretend } = await stage(t, { backends })
  t.equal((await ask(gateway, 'a')).status, 200)
  await gateway.app.close('release')
  const next = await startGateway(t, routesOf(backends), {
    folder: gateway.folder,
    env: pretend.env,
  })
  await next.app.pool.adopt()
  t.equal(next.app.memory.scheduler.reserved().get('a')?.amounts.gpu0, 600 * MIB)
  t.equal((await ask(next, 'b')).status, 200)
  t.equal(stateOf(next, 'a'), 'stopped')
})

t.test('a card that does not tell by process tells by what is used more than before', async (t) => {
  const cards = [{ ...CARD, foreignMiB: 50, isSilent: true }]
  const auto = (mib: number) => ({ ...on({ mib }), memory: 'auto' })
  const { gateway } = await stage(t, { cards, backends: { a: auto(500), b: auto(300) } })
  const reservedOf = (name: string) =>
    gateway.app.memory.scheduler.reserved().get(name)?.amounts.gpu0
  t.equal((await ask(gateway, 'a')).status, 200)
  await until('it is learned', async () => {
    await gateway.app.memory.meter.fresh()
    return reservedOf('a') === Math.ceil(500 * MIB * 1.05)
  })
  t.equal((await ask(gateway, 'b')).status, 200)
  await until('the other is learned beside it', async () => {
    await gateway.app.memory.meter.fresh()
    return reservedOf('b') === Math.ceil(300 * MIB * 1.05)
  })
  t.equal((await ask(gateway, 'a')).status, 200)
  t.equal(stateOf(gateway, 'b'), 'ready', 'both fit')
})

import t from 'tap'
import { ask, keepBusy, MIB, metric, on, stage, stateOf } from '../helpers/on-cards.js'
import { until } from '../helpers/until.js'

t.test('what does not fit beside another takes its place once that is idle', async (t) => {
  const backends = { a: on({ mib: 600 }), b: on({ mib: 500 }), c: on({ mib: 300 }) }
  const { gateway, pretend } = await stage(t, { backends })
  pretend.lag(300)
  for (const name of ['a', 'c', 'b', 'a']) t.equal((await ask(gateway, name)).status, 200, name)
  t.equal(stateOf(gateway, 'c'), 'ready', 'it fitted beside both')
  t.equal(stateOf(gateway, 'b'), 'stopped')
  const failed = gateway.starts.filter(({ outcome }) => outcome !== 'ready')
  t.same(failed, [], 'nothing ran out of memory')
  const of = (labels: string) =>
    metric(gateway, `gatehouse_device_memory_bytes{device="gpu0",${labels}}`)
  t.equal(await metric(gateway, 'gatehouse_backend_evictions_total{backend="a",reason="room"}'), 1)
  t.equal(await of('kind="reserved"'), 900 * MIB)
  t.equal(await of('kind="total"'), 1000 * MIB)
})

t.test('a stream that runs is not cut for another, which waits until it is over', async (t) => {
  const a = on({ mib: 600, options: ['--token-interval', '20'] })
  const { gateway } = await stage(t, { backends: { a, b: on({ mib: 600 }) } })
  const stream = fetch(`${gateway.url}/a/api/extra/generate/stream`, {
    method: 'POST',
    body: JSON.stringify({ prompt: 'a', max_length: 60, ban_eos_token: true }),
  }).then((reply) => reply.text())
  await until('it runs', () => gateway.app.pool.get('a')?.status().inFlight === 1)
  const other = ask(gateway, 'b')
  t.match((await stream).trimEnd().split('\n').at(-1), /"finish_reason": ?"length"/)
  t.equal((await other).status, 200)
  t.equal(stateOf(gateway, 'a'), 'stopped')
})

t.test('requests that come without end do not keep another from its turn', async (t) => {
  const a = on({ mib: 600, concurrency: 2 })
  const { gateway } = await stage(t, { backends: { a, b: on({ mib: 600 }) } })
  let isOver = false
  const statuses: number[] = []
  const chat = async () => {
    while (!isOver) statuses.push((await ask(gateway, 'a', { body: { max_length: 20 } })).status)
  }
  const chats = [chat(), chat(), chat()]
  await until('it chats', () => statuses.length > 3)
  t.equal((await ask(gateway, 'b')).status, 200)
  const before = statuses.length
  await until('the others go on', () => statuses.length > before + 3)
  isOver = true
  await Promise.all(chats)
  t.same(new Set(statuses), new Set([200]))
})

t.test('who waits for memory for too long is told who holds it', async (t) => {
  const a = on({ mib: 600, options: ['--token-interval', '50'] })
  const backends = { a, b: on({ mib: 600 }) }
  const { gateway } = await stage(t, { backends, scheduling: { maxWait: '5s' } })
  const busy = await keepBusy(gateway, 'a', 150)
  const { status, text, headers } = await ask(gateway, 'b')
  t.equal(status, 503)
  t.match(text, /a holds 600MiB of gpu0 \(at work or starting\)/)
  t.ok(headers.get('retry-after'))
  t.equal(stateOf(gateway, 'b'), 'stopped', 'nobody waits for it any more')
  t.equal((await busy.done).status, 200)
})

t.test('a start that waits for memory is dropped with the last who wanted it', async (t) => {
  const a = on({ mib: 600, options: ['--token-interval', '50'] })
  const { gateway } = await stage(t, { backends: { a, b: on({ mib: 600 }) } })
  const busy = await keepBusy(gateway, 'a', 60)
  const leaver = new AbortController()
  const left = ask(gateway, 'b', { signal: leaver.signal }).catch((error) => error.name)
  await until('it is queued', () => stateOf(gateway, 'b') === 'queued')
  leaver.abort()
  t.equal(await left, 'AbortError')
  await until('it is dropped', () => stateOf(gateway, 'b') === 'stopped')
  t.equal((await busy.done).status, 200)
  t.equal(stateOf(gateway, 'a'), 'ready', 'and nobody was stopped for it')
  t.notOk(gateway.app.memory.scheduler.isAnybodyWaiting)
})

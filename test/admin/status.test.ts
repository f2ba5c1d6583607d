import t from 'tap'
import { withEtas } from '../../src/admin/status.js'

const wait = (backend: string, behind: string[] = []) => ({
  ...{ backend, behind, waitedMs: 1, priority: 0, needs: [{ gpu0: 1 }] },
})

t.test('each waits for those in its way, for those before it and for its own start', (t) => {
  const backends = [
    { name: 'a', waitMs: 8_000, serviceMs: 3_000 },
    { name: 'b', waitMs: 5_000, serviceMs: 1_000 },
    { name: 'c', waitMs: 2_000, serviceMs: undefined },
  ]
  const waiting = [wait('b', ['a']), wait('c')]
  t.same(
    withEtas(waiting, backends).map(({ etaMs }) => etaMs),
    [8_000, 10_000],
  )
  t.end()
})

t.test('what nobody knows yet is not guessed, nor for those behind it', (t) => {
  const backends = [
    { name: 'a', waitMs: 1, serviceMs: undefined },
    { name: 'b', waitMs: 1, serviceMs: 1 },
    { name: 'c', waitMs: undefined, serviceMs: 1 },
  ]
  const [first, second] = withEtas([wait('b', ['a']), wait('b')], backends)
  t.same([first?.etaMs, second?.etaMs], [undefined, undefined])
  t.equal(withEtas([wait('c')], backends)[0]?.etaMs, undefined)
  t.same(withEtas([], backends), [])
  t.end()
})

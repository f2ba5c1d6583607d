import t from 'tap'
import { Roster } from '../../src/proxy/roster.js'

t.test('who comes is there, and who leaves is not, whatever the order', async (t) => {
  const roster = new Roster<{ name: string; place: number }>()
  const names = () => roster.all().map(({ name }) => name)
  const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ name, place: -1 }))
  if (!a || !b || !c) throw new Error('three are needed')
  for (const each of [a, b, c]) roster.join(each)
  roster.join(b)
  t.same(names(), ['a', 'b', 'c'], 'nobody twice')
  roster.leave(a)
  t.same(names().sort(), ['b', 'c'])
  roster.leave(a)
  t.equal(roster.size, 2, 'nobody else in the place of one who has left')
  roster.join(a)
  roster.leave(c)
  roster.leave(b)
  t.same(names(), ['a'])
  roster.leave(a)
  t.equal(roster.size, 0)
})

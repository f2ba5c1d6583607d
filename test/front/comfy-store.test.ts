import t from 'tap'
import { Shelf } from '../../src/front/comfy-store.js'
import { until } from '../helpers/until.js'

t.test('the oldest leaves when there are too many, or too many bytes', async (t) => {
  const shelf = new Shelf<string>({ count: 3, bytes: 100, ageMs: 60_000 })
  for (const name of ['a', 'b', 'c', 'd']) shelf.put(name, name, 10)
  t.same(shelf.items(), ['b', 'c', 'd'])
  shelf.put('e', 'e', 85)
  t.same(shelf.items(), ['d', 'e'])
  shelf.put('huge', 'huge', 1_000)
  t.same(shelf.items(), ['huge'], 'what is bigger than the shelf is kept alone')
  shelf.put('small', 'small', 1)
  t.same(shelf.items(), ['small'])
  shelf.delete('small')
  shelf.delete('never there')
  shelf.put('b', 'b', 100)
  t.equal(shelf.get('b'), 'b')
})

t.test('what is too old leaves by itself', async (t) => {
  const shelf = new Shelf<string>({ count: 3, bytes: 100, ageMs: 20 })
  shelf.put('a', 'a', 1)
  await until('it is gone', () => shelf.items().length === 0)
  shelf.put('b', 'b', 1)
  await until('so is the next', () => shelf.items().length === 0)
  t.pass()
})

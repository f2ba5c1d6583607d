import t from 'tap'
import { isEmpty, known, least, most, shortage, sizeText, sum } from '../../src/memory/amounts.js'

t.test('amounts are added, compared and subtracted device by device', async (t) => {
  t.same(sum([{ gpu0: 1, ram: 2 }, {}, { ram: 3 }]), { gpu0: 1, ram: 5 })
  t.same(most({ gpu0: 1, ram: 2 }, { ram: 1, gpu1: 4 }), { gpu0: 1, ram: 2, gpu1: 4 })
  t.same(least({ gpu0: 3, ram: 2 }, { ram: 1, gpu1: 4 }), { gpu0: 3, ram: 1 })
  t.same(shortage({ gpu0: 5, ram: 2, gpu1: 1 }, { gpu0: 3, ram: 2 }), { gpu0: 2, gpu1: 1 })
  t.same(known({ gpu0: 5, ram: 2 }, { ram: 0 }), { ram: 2 })
})

t.test(
  'who wants nothing of a device lacks nothing there, however much it is overfull',
  async (t) => {
    t.same(shortage({ gpu0: 0 }, { gpu0: -5 }), {})
    t.same(shortage({ gpu0: 1 }, { gpu0: -5 }), { gpu0: 6 })
  },
)

t.test('nothing and none are empty', async (t) => {
  t.same([isEmpty({}), isEmpty({ gpu0: 0 }), isEmpty({ gpu0: 1 })], [true, true, false])
})

t.test('sizes are written as routes.json takes them, in three digits', async (t) => {
  const gib = 2 ** 30
  const sizes = { 0: '0B', 1023: '1023B', 1024: '1KiB', 1600: '1.56KiB', [5 * gib]: '5GiB' }
  for (const [bytes, text] of Object.entries(sizes)) t.equal(sizeText(Number(bytes)), text)
  t.equal(sizeText(22.53 * gib), '22.5GiB')
  t.equal(sizeText(123.4 * gib), '123GiB')
  t.equal(sizeText(5_000 * 1024 * gib), '5000TiB')
})

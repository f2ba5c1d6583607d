import t from 'tap'
import { estimate } from '../../src/memory/estimate.js'

const GIB = 2 ** 30
const never = { peaks: {}, startMs: 0 }
const facts = { weightBytes: 4 * GIB, most: { everBytes: 20 * GIB, nowBytes: 17 * GIB } }

t.test('what was seen counts, and a little more', async (t) => {
  const bytes = estimate({ peaks: { gpu0: 6 * GIB }, startMs: 0 }, 'gpu0', facts)
  t.ok(bytes > 6 * GIB && bytes < 6.5 * GIB, `${bytes}`)
})

t.test(
  'what was not seen yet is guessed from the model files, with room for its cache',
  async (t) => {
    const bytes = estimate({ peaks: { gpu1: GIB }, startMs: 0 }, 'gpu0', facts)
    t.ok(bytes > 5 * GIB && bytes < 6 * GIB, `${bytes}`)
  },
)

t.test('of what nothing is known all is reserved, so that it runs alone once', async (t) => {
  const unknown = { ...facts, weightBytes: 0 }
  t.equal(estimate(never, 'gpu0', unknown), 17 * GIB, 'not what other programs hold')
  const full = { everBytes: 0, nowBytes: 0 }
  t.ok(estimate(never, 'gpu0', { ...unknown, most: full }) > 0, 'it needs something')
  t.equal(estimate(never, 'gpu0', { ...unknown, most: undefined }), 0, 'where there is no limit')
})

t.test('no more is asked for than it may have', async (t) => {
  const lesson = { peaks: { gpu0: 19.9 * GIB }, startMs: 0 }
  t.equal(estimate(lesson, 'gpu0', facts), 20 * GIB)
  t.equal(estimate(never, 'gpu0', { ...facts, weightBytes: 30 * GIB }), 20 * GIB)
})

import t from 'tap'
import { parseConfig } from '../../src/config/load.js'
import { Quota } from '../../src/memory/quota.js'

/** Of a backend with this in its routes.json, and what it tells. */
function quotaOf(needs: object) {
  const chat = {
    url: 'http://127.0.0.1:1',
    serves: ['text'],
    process: { command: 'true' },
    ...needs,
  }
  const devices = { gpu0: { memory: '1KiB' }, ram: { memory: '1KiB' } }
  const text = JSON.stringify({ devices, backends: { chat } })
  const [config] = parseConfig(text, { file: '/nowhere/routes.json', env: {} }).backends
  if (!config) throw new Error('it has no backend')
  const told: object[] = []
  const quota = new Quota(config, {
    evicted: () => {},
    slowToReturn: () => {},
    overQuota: ({ backend: _, ...facts }) => void told.push({ over: facts }),
    misdeclared: ({ backend: _, ...facts }) => void told.push({ wrong: facts }),
  })
  return { quota, told }
}

const declared = { memory: { gpu0: 100 } }

t.test('what is held beyond the number is told once in each run', async (t) => {
  const { quota, told } = quotaOf(declared)
  const over = { over: { device: 'gpu0', heldBytes: 110, quotaBytes: 100 } }
  t.equal(quota.isExceeded({ gpu0: 110 }, { gpu0: 100 }), true)
  t.equal(quota.isExceeded({ gpu0: 115 }, { gpu0: 100 }), true)
  t.same(told, [over])
  quota.ended({ gpu0: 110 }, { gpu0: 100 })
  quota.isExceeded({ gpu0: 110 }, { gpu0: 100 })
  t.same(told, [over, over])
})

t.test('two percent are nothing, nor is what is held where nothing was given', async (t) => {
  const { quota, told } = quotaOf(declared)
  t.equal(quota.isExceeded({ gpu0: 102, gpu1: 50 }, { gpu0: 100 }), false)
  t.equal(quota.isExceeded({}, { gpu0: 100 }), false)
  quota.ended({ gpu0: 90 }, { gpu0: 100 })
  t.same(told, [])
})

t.test('a number that is a fifth too small is said once for all runs', async (t) => {
  const { quota, told } = quotaOf(declared)
  for (let run = 0; run < 2; run += 1) {
    quota.isExceeded({ gpu0: 125 }, { gpu0: 100 })
    quota.ended({}, { gpu0: 100 })
  }
  t.same(told, [
    { wrong: { device: 'gpu0', heldBytes: 125, declaredBytes: 100 } },
    { over: { device: 'gpu0', heldBytes: 125, quotaBytes: 100 } },
    { over: { device: 'gpu0', heldBytes: 125, quotaBytes: 100 } },
  ])
})

t.test(
  'a number that is a fifth too large is said at the end of a run, with its peak',
  async (t) => {
    const { quota, told } = quotaOf(declared)
    quota.isExceeded({ gpu0: 70 }, { gpu0: 100 })
    quota.isExceeded({ gpu0: 40 }, { gpu0: 100 })
    t.same(told, [])
    quota.ended({}, { gpu0: 100 })
    t.same(told, [{ wrong: { device: 'gpu0', heldBytes: 70, declaredBytes: 100 } }])
    quota.ended({}, { gpu0: 100 })
    t.equal(told.length, 1, 'of a run in which nothing was seen, nothing is said')
  },
)

t.test('a share is a limit, and no number that could be wrong', async (t) => {
  const { quota, told } = quotaOf({ share: { gpu0: 0.5 } })
  t.equal(quota.isExceeded({ gpu0: 800 }, { gpu0: 512 }), true)
  quota.ended({ gpu0: 800 }, { gpu0: 512 })
  quota.isExceeded({ gpu0: 10 }, { gpu0: 512 })
  quota.ended({ gpu0: 10 }, { gpu0: 512 })
  t.same(told, [{ over: { device: 'gpu0', heldBytes: 800, quotaBytes: 512 } }])
})

t.test('what is learned is neither exceeded nor wrong', async (t) => {
  for (const memory of [{ gpu0: 'auto' }, { gpu: 'auto' }]) {
    const { quota, told } = quotaOf({ memory })
    t.equal(quota.isExceeded({ gpu0: 800 }, { gpu0: 512 }), false)
    quota.ended({ gpu0: 10 }, { gpu0: 512 })
    t.same(told, [])
  }
})

t.test('beside a card that is learned, a share of another device is a limit', async (t) => {
  const { quota } = quotaOf({ memory: { gpu: 'auto' }, share: { ram: 0.5 } })
  t.equal(quota.isExceeded({ gpu0: 800, ram: 90 }, { gpu0: 512, ram: 50 }), true)
})

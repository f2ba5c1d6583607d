import t from 'tap'
import { amountsText, holdersText } from '../../src/memory/explain.js'
import type { Tenant } from '../../src/memory/plan.js'
import { MemoryShortage } from '../../src/memory/shortage.js'

const GIB = 2 ** 30

t.test('amounts read as in routes.json', async (t) => {
  t.equal(amountsText({ gpu0: 5 * GIB, ram: 2 * GIB }), '5GiB of gpu0 and 2GiB of ram')
  t.equal(amountsText({}), 'no memory')
})

t.test('it says who holds what of the devices in question, and what they do', async (t) => {
  const tenant = (name: string, is: Tenant['is'], amounts: Tenant['amounts']): Tenant => {
    return { name, is, amounts, cost: 1 }
  }
  const tenants = [
    tenant('chat', 'busy', { gpu0: 6 * GIB, ram: GIB }),
    tenant('image', 'fixed', { gpu0: 2 * GIB }),
    tenant('whisper', 'idle', { gpu1: GIB }),
  ]
  const others = { gpu0: GIB / 2, gpu1: GIB, ram: 0 }
  t.equal(
    holdersText(['gpu0', 'ram'], { tenants, others }),
    'chat holds 6GiB of gpu0 (at work or starting); image holds 2GiB of gpu0 (not to be stopped); ' +
      'other programs and the driver hold 512MiB of gpu0; chat holds 1GiB of ram (at work or starting)',
  )
  t.equal(holdersText(['gpu2'], { tenants, others }), 'nobody holds any of it')
})

t.test('of what can never be had it says only what is too little', async (t) => {
  const error = new MemoryShortage({ gpu0: 9 * GIB, ram: GIB }, { gpu0: 8 * GIB, ram: 4 * GIB })
  t.equal(error.message, 'it needs 9GiB of gpu0, and there is at most 8GiB of gpu0 for it')
})

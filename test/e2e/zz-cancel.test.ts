import t from 'tap'
import { startKobold } from '../helpers/kobold.js'
import { until } from '../helpers/until.js'
t.jobs = 8
for (let i = 0; i < 40; i++) {
  t.test(`n ${i}`, async (t) => {
    const { send, asked, aborts, gateway } = await startKobold(t, { requestTimeout: '200ms' })
    const client = await send('/v1/chat/completions', { messages: [] })
    await client.sees('GATEHOUSE_UPSTREAM_TIMEOUT')
    try { await until('it is aborted', () => aborts.length === 1, 1000) } catch { t.fail(`asked ${asked.length} ${JSON.stringify(gateway.logged.slice(-2))}`) }
  })
}

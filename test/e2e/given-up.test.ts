import t from 'tap'
import { external, startGateway } from '../helpers/gateway.js'
import { post, rawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { startUpstream } from '../helpers/upstream.js'

for (const [dialect, probe] of [
  ['generic', '/'],
  ['a1111', '/sdapi/v1/options'],
] as const) {
  t.test(`a request that is given up opens no other connection (${dialect})`, async (t) => {
    const upstream = await startUpstream(t, () => {}, { probe })
    const gateway = await startGateway(t, {
      backends: { image: external(upstream.url, { dialect, serves: ['image'] }) },
    })
    t.teardown(() => gateway.app.close())
    for (let round = 1; round <= 3; round += 1) {
      const client = await rawClient(gateway.port)
      client.socket.write(post('/sdapi/v1/txt2img', '{}'))
      await until('it is sent', () => upstream.received.length === round)
      client.socket.destroy()
      await upstream.received.at(-1)?.closed
      await until('its lease is over', () => gateway.app.pool.statuses()[0]?.inFlight === 0)
    }
    const open = () =>
      new Promise<number>((resolve) => {
        upstream.server.getConnections((_error, count) => resolve(count))
      })
    await until('none is open', async () => (await open()) === 0, 2_000)
    t.equal(upstream.connections, 4, 'one for the probe, one for each request')
  })
}

import { spawnSync } from 'node:child_process'
import t from 'tap'
import { external, sample, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/until.js'
import { startUpstream } from '../helpers/upstream.js'

t.test('what was done is measured by backend, workload and outcome', async (t) => {
  const upstream = await startUpstream(t, ({ socket, path }) => {
    if (path.endsWith('completion')) return void socket.destroy()
    socket.end('HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello')
  })
  const gateway = await startGateway(t, {
    backends: { text: external(upstream.url), image: sample('image', ['--fail-load', 'boom']) },
  })
  const post = (path: string) => fetch(gateway.url + path, { method: 'POST', body: '{"a":1}' })
  for (const path of ['/v1/completions', '/v1/completion', '/sdapi/v1/txt2img']) {
    await (await post(path)).text()
  }
  await until('all are counted', () => gateway.logged.filter(({ outcome }) => outcome).length === 3)
  const text = await (await fetch(`${gateway.url}/metrics`)).text()
  const expected = [
    'gatehouse_requests_total{backend="text",workload="text",outcome="ok"} 1',
    'gatehouse_requests_total{backend="text",workload="text",outcome="upstream_error"} 1',
    'gatehouse_requests_total{backend="image",workload="image",outcome="start_failed"} 1',
    'gatehouse_request_duration_seconds_count{backend="text",workload="text"} 2',
    'gatehouse_request_time_to_first_byte_seconds_count{backend="text",workload="text"} 1',
    'gatehouse_request_bytes_total{backend="text",workload="text"} 14',
    'gatehouse_response_bytes_total{backend="text",workload="text"} 5',
    'gatehouse_backend_starts_total{backend="text",outcome="ready"} 1',
    'gatehouse_backend_starts_total{backend="image",outcome="failed"} 1',
    'gatehouse_backend_state{backend="text",state="ready"} 1',
    'gatehouse_backend_state{backend="image",state="failed"} 1',
    'gatehouse_requests_in_flight{backend="text"} 0',
    'gatehouse_requests_waiting{backend="text"} 0',
  ]
  for (const line of expected) t.match(text, line)
  t.match(text, /gatehouse_build_info\{version="0\.0\.0-test",node="[\d.]+"\} 1/)
  t.match(text, /process_resident_memory_bytes \d+/)
})

t.test('promtool accepts the output', async (t) => {
  if (spawnSync('promtool', ['--version']).error) {
    t.comment('promtool is not installed (Debian package prometheus): its check is skipped')
    return
  }
  const gateway = await startGateway(t, { backends: { text: sample('text') } })
  await fetch(`${gateway.url}/api/v1/generate`, { method: 'POST', body: '{"max_length":1}' })
  const input = await (await fetch(`${gateway.url}/metrics`)).text()
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input })
  t.equal(status, 0, `${stdout}${stderr}`)
})

t.test(
  '/healthz is 200 as soon as it listens, /readyz once all that is kept loaded is ready',
  async (t) => {
    const gateway = await startGateway(t, {
      backends: { text: { ...sample('text', ['--load-time', '300']), keepLoaded: true } },
    })
    const status = async (path: string) => (await fetch(gateway.url + path)).status
    t.equal(await status('/healthz'), 200)
    t.equal(await status('/readyz'), 503)
    gateway.app.pool.preload()
    await until('it is ready', async () => (await status('/readyz')) === 200)
  },
)

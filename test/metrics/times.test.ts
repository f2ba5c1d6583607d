import t from 'tap'
import { Times } from '../../src/metrics/times.js'

t.test('a bucket holds what is as long as its bound, and what is shorter', async (t) => {
  const times = new Times([0.1, 1])
  t.same(times.series('x', {}), [], 'nothing is shown of what never was')
  for (const ms of [100, 50, 1000, 1001]) times.add(ms)
  const labels = { backend: 'text' }
  t.same(times.series('x', labels), [
    { metricName: 'x_bucket', labels: { le: 0.1, ...labels }, value: 2 },
    { metricName: 'x_bucket', labels: { le: 1, ...labels }, value: 3 },
    { metricName: 'x_bucket', labels: { le: '+Inf', ...labels }, value: 4 },
    { metricName: 'x_sum', labels, value: 2.151 },
    { metricName: 'x_count', labels, value: 4 },
  ])
})

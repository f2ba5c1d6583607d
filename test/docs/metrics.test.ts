import type { MetricObject } from 'prom-client'
import t from 'tap'
import { createMemoryMetrics } from '../../src/metrics/memory.js'
import { Metrics } from '../../src/metrics/metrics.js'
import { codesOf, sectionOf, tableOf } from './markdown.js'

const METRICS = 'docs/metrics.md'
const { registry } = new Metrics('0.0.0-test', () => [])
createMemoryMetrics(registry, { devices: () => [], backends: () => [] })

t.test('docs/metrics.md lists what /metrics exports: names, types, labels and help', async (t) => {
  const exported = await registry.metrics()
  const own = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('gatehouse_'))
  const rows = tableOf(sectionOf(METRICS, '## What there is')).map(
    ([name, type, labels, help]) => ({
      name: codesOf(name)[0],
      type,
      labels: codesOf(labels),
      help,
    }),
  )
  t.same(
    rows,
    own.map((metric) => ({
      name: metric.name,
      type: new RegExp(`^# TYPE ${metric.name} (\\w+)$`, 'm').exec(exported)?.[1],
      labels: labelsOf(metric),
      help: metric.help,
    })),
  )
})

t.test('the queries of docs/metrics.md name only metrics that there are', async (t) => {
  const known = registry.getMetricsAsArray().map(({ name }) => name)
  const used = sectionOf(METRICS, '## Queries').matchAll(/gatehouse_\w+/g)
  for (const [name] of used) {
    const base = name.replace(/_(?:bucket|sum|count)$/, '')
    t.ok(known.includes(base), name)
  }
})

function labelsOf(metric: MetricObject): unknown {
  return Reflect.get(metric, 'labelNames')
}

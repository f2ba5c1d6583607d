import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createMemoryMetrics } from '../../src/metrics/memory.js'
import { Metrics } from '../../src/metrics/metrics.js'
import { tempFolder } from '../helpers/gateway.js'

/** What Prometheus itself adds to every metric that it scrapes. */
const SCRAPED = ['instance', 'job']

/** A metric or the name of a recorded rule, and what stands in braces behind it. */
const METRIC = /\b((?:(?:backend|device):)?gatehouse_\w+(?::\w+)?|up)\b(?:\{([^}]*)\})?/g

const RULES = 'docker/prometheus/rules.yml'
const hasPromtool = spawnSync('promtool', ['--version']).status === 0
const WITH_PROMTOOL = hasPromtool ? {} : { skip: 'promtool is not installed' }

interface Target {
  readonly expr: string
  readonly legendFormat: string
}

interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly targets?: readonly Target[]
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
}

const dashboard = JSON.parse(readFileSync('docker/grafana/dashboards/gatehouse.json', 'utf8'))
const panels: readonly Panel[] = dashboard.panels
const targets = panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ ...target, title })),
)
const rules = [
  ...readFileSync(RULES, 'utf8').matchAll(
    /^ *(?:- )?(record|alert): (\S+)\n(?: *#.*\n)* *expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)/gm,
  ),
].map(([, kind, name = '', block, line]) => ({ kind, name, expr: block ?? line ?? '' }))
const recorded = new Map(
  rules.filter(({ kind }) => kind === 'record').map(({ name, expr }) => [name, expr]),
)
const labelsByMetric = exportedLabels()

t.test(
  'every query of the dashboard asks for what /metrics exports, by labels that it has',
  async (t) => {
    t.ok(targets.length > 30)
    for (const { title, expr } of targets) checkQuery(t, expr, title)
  },
)

t.test('so does every rule', async (t) => {
  t.ok(rules.length >= 14)
  for (const { name, expr } of rules) checkQuery(t, expr, name)
})

t.test('every legend names labels that its query keeps', async (t) => {
  for (const { title, expr, legendFormat } of targets) {
    const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label)
    const kept = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? labelsIn(expr)
    for (const label of named) t.ok(kept.includes(label ?? ''), `${title}: ${label} in ${expr}`)
  }
})

t.test('the panels of the dashboard do not overlap, and each has an id of its own', async (t) => {
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  const taken = new Set<string>()
  for (const { title, gridPos } of panels) {
    t.ok(gridPos.x + gridPos.w <= 24, title)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        if (taken.has(`${x} ${y}`)) t.fail(`${title} lies upon another`)
        taken.add(`${x} ${y}`)
      }
    }
  }
})

t.test('the dashboard and its data source are provisioned under one name', async (t) => {
  const source = readFileSync('docker/grafana/provisioning/datasources/prometheus.yml', 'utf8')
  const uid = /uid: (\S+)/.exec(source)?.[1]
  const used = JSON.stringify(dashboard).matchAll(/"type":"prometheus","uid":"([^"]+)"/g)
  t.same([...new Set([...used].map(([, each]) => each))], [uid])
})

t.test('Prometheus can read its configuration and the rules', WITH_PROMTOOL, async (t) => {
  promtool(t, 'check', 'config', 'docker/prometheus/prometheus.yml')
})

t.test('the rules record and alert as they should', WITH_PROMTOOL, async (t) => {
  promtool(t, 'test', 'rules', 'test/docker/rules.yml')
})

t.test('Prometheus understands every query of the dashboard', WITH_PROMTOOL, async (t) => {
  const file = join(tempFolder(t), 'queries.json') // JSON is YAML
  const rules = targets.map(({ expr }, at) => ({ record: `query_${at}`, expr: asRule(expr) }))
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  promtool(t, 'check', 'rules', file)
})

function promtool(t: Test, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
  t.equal(status, 0, stdout + stderr)
}

/** What Grafana would send for a query. */
function asRule(expr: string): string {
  return expr.replaceAll('$__rate_interval', '5m').replaceAll('$backend', '.*')
}

function checkQuery(t: Test, expr: string, where: string): void {
  for (const [, metric = '', selector = ''] of expr.matchAll(METRIC)) {
    const labels = labelsOf(metric)
    if (!labels) t.fail(`${where}: there is no metric ${metric}`)
    for (const [, label = ''] of selector.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)) {
      t.ok(labels?.includes(label), `${where}: ${metric} has the label ${label}`)
    }
  }
  const there = labelsIn(expr)
  for (const [, list = ''] of expr.matchAll(/\b(?:by|on|ignoring) \(([^)]*)\)/g)) {
    for (const label of list.split(', ')) t.ok(there.includes(label), `${where}: ${label} is there`)
  }
}

function labelsIn(expr: string): string[] {
  return [...expr.matchAll(METRIC)].flatMap(([, metric = '']) => labelsOf(metric) ?? [])
}

/** The labels of a metric, or of what is recorded by a rule; undefined: there is no such metric. */
function labelsOf(metric: string): readonly string[] | undefined {
  const rule = recorded.get(metric)
  if (rule !== undefined) return labelsIn(rule)
  if (metric === 'up') return SCRAPED
  const part = /^(.*)_(bucket|sum|count)$/.exec(metric)
  const base = labelsByMetric.get(part?.[1] ?? '')
  if (base) return part?.[2] === 'bucket' ? [...base, 'le'] : base
  return labelsByMetric.get(metric)
}

/** As `/metrics` exports them. */
function exportedLabels(): Map<string, readonly string[]> {
  const { registry } = new Metrics('0.0.0-test', () => [])
  createMemoryMetrics(registry, { devices: () => [], backends: () => [] })
  const own = registry.getMetricsAsArray().map(({ name, ...metric }) => {
    const labels: string[] = Reflect.get(metric, 'labelNames')
    return [name, [...labels, ...SCRAPED]] as const
  })
  return new Map(own)
}

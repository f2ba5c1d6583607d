import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { loadConfig } from '../../src/config/load.js'

const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0
const WITH_COMPOSE = hasCompose ? {} : { skip: 'docker compose is not installed' }

interface Service {
  readonly image?: string
  readonly profiles?: readonly string[]
  readonly ports?: readonly { readonly host_ip?: string }[]
  readonly networks: Readonly<Record<string, unknown>>
  readonly labels?: Readonly<Record<string, string>>
  readonly volumes?: readonly { readonly source?: string }[]
  readonly healthcheck?: unknown
  readonly restart?: string
  readonly mem_limit?: string
  readonly logging?: { readonly options: Readonly<Record<string, string>> }
}

const compose = readFileSync('docker/compose.yaml', 'utf8')
const example = readFileSync('docker/.env.example', 'utf8')

t.test('every knob of the compose file is in .env.example, with its default', async (t) => {
  const uses = [...compose.matchAll(/\$\{([A-Z_]+):-((?:[^}])*)\}/g)]
  const knobs = new Map(uses.map(([, name = '', value = '']) => [name, value]))
  const lines = [...example.matchAll(/^#([A-Z_]+)=(.*)$/gm)]
  const said = new Map(lines.map(([, name = '', value = '']) => [name, value]))
  for (const [name, value] of knobs) t.equal(said.get(name), value, name)
  t.same(
    [...said.keys()].filter((name) => !knobs.has(name)),
    ['COMPOSE_PROFILES'],
    'which compose itself reads',
  )
  t.equal(compose.match(/\$\{/g)?.length, uses.length, 'each has a default')
})

t.test('every comment of .env.example stands above a knob', async (t) => {
  const knobs = example.split('\n').filter((line) => /^#[A-Z_]+=/.test(line))
  t.ok(knobs.length > 30)
  t.notMatch(example, /^[^#\n]/m, 'and none is set')
})

for (const file of readdirSync('docker/routes')) {
  t.test(`docker/routes/${file} is sound, and knows its containers by services`, async (t) => {
    const { backends, listen } = loadConfig(`docker/routes/${file}`, {})
    t.same([listen.host, listen.port], ['0.0.0.0', 5050])
    for (const { launcher, address } of backends) {
      if (launcher.kind !== 'docker') continue
      const { service } = launcher.container
      t.equal(service, address.host)
      t.match(compose, new RegExp(`^  ${service}:$`, 'm'), `${service} is in the compose file`)
    }
  })
}

t.test('the compose file is one, with every profile', WITH_COMPOSE, async (t) => {
  const { services, networks } = configured(t)
  const published = Object.entries(services).filter(([, { ports }]) => ports)
  t.same(published.map(([name]) => name).sort(), ['gateway', 'grafana', 'sillytavern'])
  for (const [name, { ports = [] }] of published) {
    for (const { host_ip } of ports) t.equal(host_ip, '127.0.0.1', `${name} only on this machine`)
  }
  t.equal(networks.engine?.internal, true)
  t.same(services['socket-proxy']?.networks, { engine: null })
  for (const [name, service] of Object.entries(services)) {
    const socket = service.volumes?.some(({ source }) => source?.endsWith('docker.sock')) ?? false
    t.equal(socket, name === 'socket-proxy', `${name} and the socket`)
    t.ok(service.mem_limit, `${name} has a limit of memory`)
    t.ok(service.logging?.options['max-size'], `the log of ${name} is rotated`)
    const inImage = service.image === 'gatehouse:local' || name === 'sillytavern'
    t.ok(inImage || service.healthcheck, `${name} has a healthcheck`)
  }
})

t.test('the gateway may start its backends, and nothing else does', WITH_COMPOSE, async (t) => {
  const { services } = configured(t)
  const backends = Object.entries(services).filter(([, { labels }]) => labels)
  t.equal(backends.length, 6)
  for (const [name, service] of backends) {
    t.match(service, { labels: { 'gatehouse.backend': 'true' }, restart: 'no' }, name)
    t.same(Object.keys(service.networks), ['backends'], name)
    t.equal(service.profiles?.length, 1, name)
  }
  const others = Object.entries(services).filter(([, { labels }]) => !labels)
  for (const [name, { restart }] of others) t.equal(restart, 'unless-stopped', name)
})

function configured(t: { equal(a: unknown, b: unknown, why: string): unknown }) {
  const args = 'compose --file docker/compose.yaml --profile * config --format json'.split(' ')
  const { status, stdout, stderr } = spawnSync('docker', args, { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  return JSON.parse(stdout) as {
    readonly services: Readonly<Record<string, Service>>
    readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>
  }
}

import { join, resolve } from 'node:path'
import t from 'tap'
import { ConfigError } from '../../src/config/config-error.js'
import { loadConfig } from '../../src/config/load.js'
import { configOf, FILE } from './read.js'

const external = { url: 'http://127.0.0.1:8020' }

t.test('an empty object is a sound file and gets every default', async (t) => {
  t.same(configOf('{}'), {
    file: resolve(FILE),
    listen: {
      host: 'localhost',
      port: 5050,
      headerTimeoutMs: 10_000,
      maxHeaderBytes: 32_768,
      maxUrlBytes: 16_384,
      maxHeaders: 100,
      bodyTimeoutMs: 60_000,
      maxConnections: 4096,
      maxRequestsPerConnection: 0,
      maxEventLoopDelayMs: 1_000,
      heartbeatIntervalMs: 5_000,
      keepAliveTimeoutMs: 75_000,
      drainTimeoutMs: 30_000,
      bufferBytes: 67_108_864,
      trustProxy: [],
    },
    admin: { switchTextModel: false },
    scheduling: { minResidencyMs: 5_000, patienceMs: 10_000, maxWaitMs: 120_000 },
    devices: [],
    backends: [],
    routes: [],
  })
})

t.test('a backend gets every default', async (t) => {
  t.same(configOf({ backends: { voice: external } }).backends, [
    {
      name: 'voice',
      serves: [],
      models: [],
      dialect: 'koboldcpp',
      address: { protocol: 'http:', host: '127.0.0.1', port: 8020, basePath: '' },
      launcher: { kind: 'external' },
      memory: { amounts: {}, anyGpu: undefined, shares: {} },
      onOverQuota: 'warn',
      priority: 0,
      concurrency: 1,
      queueLimit: 64,
      idleTimeoutMs: 0,
      startTimeoutMs: 600_000,
      stopTimeoutMs: 10_000,
      keepLoaded: false,
      startsAfter: [],
      livenessIntervalMs: 10_000,
      requestTimeoutMs: 0,
      bodies: 'buffer',
      heartbeat: 'events',
      onClientGone: 'cancel',
      timeouts: { connectMs: 10_000, headersMs: 0, bodyIdleMs: 0 },
    },
  ])
})

t.test('request bodies are streamed to a generic backend unless it says otherwise', async (t) => {
  const { backends } = configOf({
    backends: {
      generic: { ...external, dialect: 'generic' },
      careful: { ...external, dialect: 'generic', bodies: 'buffer' },
      openai: { ...external, dialect: 'openai' },
    },
  })
  t.same(
    backends.map(({ bodies }) => bodies),
    ['stream', 'buffer', 'buffer'],
  )
})

t.test('comments, trailing commas and a byte order mark are tolerated', async (t) => {
  const config = configOf('\uFEFF{ // a comment\n "listen": { "port": 0, /* another */ }, }')
  t.equal(config.listen.port, 0)
})

t.test(
  'backends and devices keep the order of the file, even those named like numbers',
  async (t) => {
    const config = configOf(`{
    "devices": { "z": { "memory": "auto", "id": "GPU-1" }, "0": { "memory": 5 } },
    "backends": { "b": { "url": "http://h" }, "10": { "url": "http://h" }, "2": { "url": "http://h" } }
  }`)
    t.same(
      config.backends.map(({ name }) => name),
      ['b', '10', '2'],
    )
    t.same(
      config.devices.map(({ name }) => name),
      ['z', '0'],
    )
  },
)

t.test('a url says protocol, host, port and base path', async (t) => {
  const addressOf = (url: string) => configOf({ backends: { b: { url } } }).backends[0]?.address
  t.match(addressOf('http://h/base/'), { protocol: 'http:', port: 80, basePath: '/base' })
  t.match(addressOf('https://h'), { protocol: 'https:', port: 443, basePath: '' })
  t.match(addressOf('http://LOCALHOST:5001'), { host: '127.0.0.1', port: 5001 })
  t.match(addressOf('http://[::1]:5001'), { host: '[::1]', port: 5001 })
})

t.test('a process without a port in its url gets one chosen at every start', async (t) => {
  const process = { command: 'koboldcpp', args: ['--port', `\${port}`] }
  const { backends } = configOf({
    backends: { none: { process }, open: { process, url: 'http://localhost/x' } },
  })
  t.match(backends[0]?.address, { host: '127.0.0.1', port: 0, basePath: '' })
  t.match(backends[1]?.address, { host: '127.0.0.1', port: 0, basePath: '/x' })
})

t.test(
  'a port that is the default of its scheme is a fixed port where it is written',
  async (t) => {
    const backend = { url: 'http://127.0.0.1:80', process: { command: 'x' } }
    t.equal(configOf({ backends: { b: backend } }).backends[0]?.address.port, 80)
  },
)

t.test('relative paths are resolved against the folder of the file', async (t) => {
  const launcherOf = (command: string, cwd?: string) => {
    const process = cwd === undefined ? { command } : { command, cwd }
    return configOf({ backends: { b: { url: 'http://h:1', process } } }).backends[0]?.launcher
  }
  const folder = resolve('/srv/gatehouse')
  t.match(launcherOf('./bin/kobold'), { command: join(folder, 'bin/kobold'), cwd: folder })
  t.match(launcherOf('../kobold', 'models'), {
    command: resolve('/srv/kobold'),
    cwd: join(folder, 'models'),
  })
  t.match(launcherOf('bin/kobold'), { command: 'bin/kobold' })
  t.match(launcherOf('kobold'), { command: 'kobold' })
})

t.test('routes are told in one form', async (t) => {
  const { routes } = configOf({
    backends: { coder: { ...external, serves: ['text'] } },
    routes: [
      { path: '/a', to: 'text' },
      { path: '/b/*', to: 'backend:coder', method: 'post', stripPrefix: true },
      { path: '/c', to: 'text', method: ['GET', 'Head'], header: { 'X-Kind': 'a*' }, model: 'q*' },
    ],
  })
  const plain = {
    ...{ methods: [], headers: {}, model: undefined, stripPrefix: false, bodies: undefined },
    timeouts: { headersMs: undefined, bodyIdleMs: undefined },
  }
  t.same(routes, [
    { ...plain, path: '/a', to: { workload: 'text' } },
    { ...plain, path: '/b/*', methods: ['POST'], to: { backend: 'coder' }, stripPrefix: true },
    {
      ...plain,
      path: '/c',
      methods: ['GET', 'HEAD'],
      headers: { 'x-kind': 'a*' },
      model: 'q*',
      to: { workload: 'text' },
    },
  ])
})

t.test("a route may set its backend's limits and body handling aside, a part or all", async (t) => {
  const { routes } = configOf({
    backends: { coder: { ...external, serves: ['text'] } },
    routes: [
      { path: '/a', to: 'text', timeouts: { headers: '5s' } },
      { path: '/b', to: 'text', timeouts: { headers: 0, bodyIdle: '2m' }, bodies: 'stream' },
    ],
  })
  t.match(routes, [
    { timeouts: { headersMs: 5_000, bodyIdleMs: undefined }, bodies: undefined },
    { timeouts: { headersMs: 0, bodyIdleMs: 120_000 }, bodies: 'stream' },
  ])
})

t.test('a Config is frozen through and through', async (t) => {
  const config = configOf({ backends: { b: { ...external, serves: ['text'] } } })
  t.ok(Object.isFrozen(config))
  t.ok(Object.isFrozen(config.listen))
  t.ok(Object.isFrozen(config.backends[0]?.serves))
  t.ok(Object.isFrozen(config.backends[0]?.memory))
})

t.test('keys that objects inherit are names like any other', async (t) => {
  const config = configOf(`{
    "devices": { "constructor": { "memory": "1GiB" } },
    "backends": { "toString": { "url": "http://h", "memory": { "constructor": 5 } },
                  "b": { "url": "http://h:1", "process": { "command": "x", "env": { "__proto__": "y" } } } },
    "routes": [{ "path": "/", "to": "backend:toString", "header": { "__proto__": "z" } }]
  }`)
  t.same(Object.entries(config.backends[0]?.memory.amounts ?? {}), [['constructor', 5]])
  t.same(Object.entries(config.routes[0]?.headers ?? {}), [['__proto__', 'z']])
  t.match(config.backends[1]?.launcher, { kind: 'process' })
  t.equal(config.backends[1]?.memory.amounts.constructor, undefined)
  t.notOk('z' in {})
})

t.test('loadConfig reads a file and names it in the Config', async (t) => {
  const folder = t.testdir({ 'routes.json': '{ "listen": { "port": 1 } }' })
  const config = loadConfig(join(folder, 'routes.json'), {})
  t.match(config, { file: join(folder, 'routes.json'), listen: { port: 1 } })
})

t.test('a file that cannot be read is one fault that says what to do', async (t) => {
  const folder = t.testdir()
  const missing = join(folder, 'none.json')
  t.throws(() => loadConfig(missing, {}), { message: /found no such file.*\n.*examples/ })
  t.throws(() => loadConfig(folder, {}), { message: /found a folder/ })
})

t.test('the message of the error is its formatted faults, a block each', async (t) => {
  const error = t.throws(() => configOf('{\n "listen": { "prot": 1, "port": "x" } }'))
  if (!(error instanceof ConfigError)) throw error
  t.equal(
    error.message,
    `${FILE}:2:14  listen.prot: found the key "prot", expected a known key\n` +
      '    hint: did you mean "port"?\n' +
      `${FILE}:2:33  listen.port: found "x", expected a whole number from 0 to 65535`,
  )
})

t.test('what a backend needs of the devices is told apart by how it is known', async (t) => {
  const devices = { gpu0: { memory: '8GiB' }, gpu1: { memory: 'auto' }, ram: { memory: 'auto' } }
  const memoryOf = (settings: object, listed: object = devices) =>
    configOf({ devices: listed, backends: { b: { ...external, ...settings } } }).backends[0]?.memory
  const none = { amounts: {}, anyGpu: undefined, shares: {} }
  t.same(memoryOf({ memory: { gpu0: 5, ram: 'auto' } }), {
    ...none,
    amounts: { gpu0: 5, ram: 'auto' },
  })
  t.same(memoryOf({ memory: { gpu: '1KiB' } }), { ...none, anyGpu: 1024 })
  t.same(memoryOf({ memory: 'auto' }), { ...none, anyGpu: 'auto' })
  t.same(memoryOf({ memory: 'auto' }, { ram: { memory: 1 } }), {
    ...none,
    amounts: { ram: 'auto' },
  })
  t.same(memoryOf({ share: { gpu0: 0.5 } }), { ...none, shares: { gpu0: 0.5 } })
})

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Pool } from '../../src/backends/pool.js'
import type { Move } from '../../src/backends/recorder.js'
import type { Config } from '../../src/config/config.js'
import { parseConfig } from '../../src/config/load.js'
import { Ports } from '../../src/launchers/ports.js'
import { StateFile } from '../../src/launchers/state-file.js'
import { ASK, isPending, startProbe } from '../helpers/backend.js'
import { makeMemory } from '../helpers/memory.js'
import { fixture, isAlive, STAYS } from '../helpers/processes.js'
import { until } from '../helpers/until.js'

/** A little program that serves; another `tag` is another command. */
function serves(tag = '', settings: object = {}) {
  const args = [fixture('takes-its-port.mjs'), '${port}', '127.0.0.1', tag]
  return { process: { command: '${node}', args }, dialect: 'generic', ...settings }
}

/** A little program that serves, and does not end when it is asked to. */
function stubborn(folder: string) {
  const args = [fixture('tells-who-it-is.mjs'), '${port}', 'x', folder, 'stubborn']
  return { process: { command: '${node}', args }, dialect: 'generic', stopTimeout: '100ms' }
}

/** A little program that is never ready. */
const NEVER = {
  process: { command: 'sh', args: ['-c', 'exec sleep 60 # ${port}'] },
  dialect: 'generic',
}

/** A backend that somebody else runs: sooner there than any program. */
function external(origin: string, path = '/', settings: object = {}) {
  return { url: `${origin}${path}`, dialect: 'generic', ...settings }
}

const LOADED = { keepLoaded: true }

function config(backends: object): Config {
  const text = JSON.stringify({ listen: { drainTimeout: '20s' }, backends })
  return parseConfig(text, { file: '/routes.json', env: {} })
}

interface Options {
  readonly stateDir?: string
  readonly onMove?: (move: Move) => void
}

/** A pool over real little processes, which all end with the test. */
function openPool(t: Test, backends: object, options: Options = {}) {
  const stateDir = options.stateDir ?? t.testdir({})
  const moves: Move[] = []
  const host = {
    platform: process.platform,
    env: { ...process.env, NODE_OPTIONS: '' },
    node: process.execPath,
    gatehouse: '/the/gatehouse.js',
    stateDir,
  }
  const state = new StateFile(join(stateDir, 'backends.json'))
  const recorder = {
    moved: (move: Move) => {
      moves.push(move)
      options.onMove?.(move)
    },
    started: () => {},
    crashed: () => {},
    leftBehind: () => {},
  }
  const parts = { host, ports: new Ports(), state, recorder, memory: makeMemory(t) }
  const pool = new Pool(config(backends), parts)
  // Nothing else keeps this process alive while a pool waits for the end of what it adopted.
  const stay = setInterval(() => {}, 1_000)
  t.teardown(() => {
    clearInterval(stay)
    pool.kill()
  })
  return {
    ...{ pool, moves, stateDir },
    recorded: () => new StateFile(join(stateDir, 'backends.json')).names(),
    /** When a backend came to a state, as a place in the list of all moves. */
    when: (backend: string, to: Move['to']) =>
      moves.findIndex((move) => move.backend === backend && move.to === to),
    start: async (name: string) => {
      await pool.get(name)?.start(STAYS)
      return pool.get(name)?.status().pid ?? 0
    },
  }
}

function states({ pool }: { pool: Pool }): Record<string, string> {
  return Object.fromEntries(pool.statuses().map(({ name, state }) => [name, state]))
}

t.test('what is kept loaded is started, each backend after those it names', async (t) => {
  const { origin } = await startProbe(t)
  const staged = openPool(t, {
    last: external(origin, '/a', { ...LOADED, startsAfter: ['middle', 'first'] }),
    middle: external(origin, '/b', { ...LOADED, startsAfter: ['first'] }),
    lazy: external(origin, '/c'),
    first: external(origin, '/d', LOADED),
  })
  t.notOk(staged.pool.isReady())
  staged.pool.preload()
  await until('all are ready', () => staged.pool.isReady())
  t.strictSame(states(staged), { last: 'ready', middle: 'ready', lazy: 'stopped', first: 'ready' })
  t.ok(staged.when('first', 'ready') < staged.when('middle', 'queued'))
  t.ok(staged.when('middle', 'ready') < staged.when('last', 'queued'))
  t.equal(staged.moves.filter(({ to }) => to === 'queued').length, 3, 'each of them once')
  await staged.pool.close()
})

t.test('one that cannot be started does not hold up those that start after it', async (t) => {
  const { origin } = await startProbe(t)
  const staged = openPool(t, {
    broken: { process: { command: 'false', args: ['${port}'] }, ...LOADED },
    text: external(origin, '/', { ...LOADED, startsAfter: ['broken'] }),
  })
  staged.pool.preload()
  await until('text is ready', () => states(staged).text === 'ready')
  t.equal(states(staged).broken, 'failed')
  t.ok(staged.when('broken', 'failed') < staged.when('text', 'queued'))
  t.notOk(staged.pool.isReady(), 'and the pool is not all ready')
  await staged.pool.close()
})

t.test('a pool that closes while it begins starts nothing more', async (t) => {
  const staged = openPool(t, {
    slow: { ...NEVER, ...LOADED },
    text: serves('', { ...LOADED, startsAfter: ['slow'] }),
  })
  staged.pool.preload()
  await until('slow is starting', () => states(staged).slow === 'starting')
  await staged.pool.close()
  t.strictSame(states(staged), { slow: 'stopped', text: 'stopped' })
  t.equal(staged.when('text', 'queued'), -1)
  t.strictSame(staged.recorded(), [])
})

t.test('a new configuration says what it adds, changes and removes', async (t) => {
  const before = { keep: serves(), change: serves(), gone: serves() }
  const { pool } = openPool(t, before)
  const kept = pool.get('keep')
  const after = { added: serves(), change: serves('other'), keep: serves() }
  t.strictSame(pool.apply(config(after)), {
    added: ['added'],
    changed: ['change'],
    removed: ['gone'],
  })
  t.equal(pool.get('keep'), kept, 'what is the same stays the same backend')
  t.equal(pool.get('gone'), undefined)
  t.strictSame(
    pool.statuses().map(({ name }) => name),
    ['added', 'change', 'keep'],
    'in the order of the file',
  )
  t.strictSame(pool.apply(config(after)), { added: [], changed: [], removed: [] })
  await pool.close()
})

t.test('what is unchanged runs on, what is changed or gone ends and refuses', async (t) => {
  const staged = openPool(t, { keep: serves(), change: serves(), gone: serves() })
  const { pool, start } = staged
  const [keep, change, gone] = await Promise.all(['keep', 'change', 'gone'].map(start))
  const old = ['change', 'gone'].map((name) => pool.get(name))
  pool.apply(config({ keep: serves(), change: serves('other') }))
  for (const backend of old) {
    await t.rejects(async () => void (await backend?.lease(ASK)), { code: 'GATEHOUSE_RETIRED' })
  }
  await until('both have ended', () => !isAlive(-(change ?? 0)) && !isAlive(-(gone ?? 0)))
  t.equal(await start('keep'), keep)
  t.not(await start('change'), change)
  await pool.close()
  t.strictSame(staged.recorded(), [])
})

for (const [how, edits] of [
  ['changed', ['/other']],
  ['changed often', ['/second', '/third', '/fourth']],
  ['removed and added again', [undefined, '/']],
] as const) {
  t.test(`a backend that is ${how} starts when the last request has left it`, async (t) => {
    const { origin } = await startProbe(t)
    const staged = openPool(t, { text: external(origin) })
    const lease = await staged.pool.get('text')?.lease(ASK)
    for (const path of edits) {
      staged.pool.apply(config(path === undefined ? {} : { text: external(origin, path) }))
    }
    const next = staged.start('text')
    t.ok(await isPending(next))
    lease?.end()
    await next
    const moves = staged.moves.map(({ to }) => to)
    t.ok(moves.indexOf('stopped') < moves.lastIndexOf('starting'))
    t.equal(moves.filter((to) => to === 'starting').length, 2)
    await staged.pool.close()
  })
}

t.test('a changed backend is started when no process of the one before it lives', async (t) => {
  const stateDir = t.testdir({})
  let old = 0
  const alive: boolean[] = []
  const onMove = ({ to }: Move) => {
    if (to === 'starting' && old > 0) alive.push(isAlive(-old))
  }
  const { pool, start } = openPool(t, { text: stubborn(stateDir) }, { stateDir, onMove })
  old = await start('text')
  pool.apply(config({ text: serves() }))
  t.ok(isAlive(await start('text')))
  t.strictSame(alive, [false])
  await pool.close()
})

t.test('a closed pool refuses, and has ended all that it or a change left', async (t) => {
  const staged = openPool(t, { text: serves(), image: serves() })
  const pids = await Promise.all(['text', 'image'].map(staged.start))
  staged.pool.apply(config({ text: serves() }))
  const closed = staged.pool.close()
  await t.rejects(staged.start('text'), { code: 'GATEHOUSE_STOPPING' })
  await closed
  t.notOk(pids.some((pid) => isAlive(-pid)))
  t.strictSame(states(staged), { text: 'stopped' })
  t.strictSame(staged.recorded(), [])
})

t.test('what a closing pool leaves the next one goes on with: the same processes', async (t) => {
  const first = openPool(t, { text: serves(), image: serves(), gone: serves(), never: serves() })
  const [text = 0, image = 0, gone = 0] = await Promise.all(
    ['text', 'image', 'gone'].map(first.start),
  )
  await first.pool.close('release')
  t.ok([text, image, gone].every((pid) => isAlive(pid)))
  t.same(first.recorded().toSorted(), ['gone', 'image', 'text'])
  const { stateDir } = first
  const next = { text: serves(), image: serves('other'), never: serves() }
  const second = openPool(t, next, { stateDir })
  await second.pool.adopt()
  t.notOk(isAlive(-image), 'another command')
  t.notOk(isAlive(-gone), 'not in the configuration')
  t.equal(await second.start('text'), text)
  t.strictSame(second.recorded(), ['text'])
  await second.pool.close()
  t.notOk(isAlive(-text))
  t.strictSame(second.recorded(), [])
})

t.test('what is still starting is not left to the next gateway', async (t) => {
  const staged = openPool(t, { text: NEVER })
  const start = staged.start('text').catch((error) => error)
  await until('it runs', () => staged.recorded().length === 1)
  await staged.pool.close('release')
  t.match(await start, { code: 'GATEHOUSE_STOPPING' })
  t.strictSame(staged.recorded(), [])
})

t.test('a kill ends all at once, those that are leaving too', async (t) => {
  const { pool, start } = openPool(t, { text: serves(), image: serves() })
  const pids = await Promise.all(['text', 'image'].map(start))
  const lease = await pool.get('image')?.lease(ASK)
  pool.apply(config({ text: serves() }))
  pool.kill()
  await until('both have ended', () => !pids.some((pid) => isAlive(-pid)))
  lease?.end()
  await pool.close()
})

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { dockerLauncher, hasPrinted, withContainer } from '../helpers/docker.js'
import { startFakeEngine } from '../helpers/fake-engine.js'
import { tempFolder } from '../helpers/gateway.js'
import { KILL_SOON } from '../helpers/processes.js'

t.test('one that runs already is taken over, with its output from now on', async (t) => {
  const { engine, dockerHost, launcher, start, stateDir } = await withContainer(t)
  const first = await start()
  engine.print('text', 'long before\n')
  await sleep(50) // a file system's clock ticks more slowly than ours
  engine.print('text', 'before\n')
  await hasPrinted(first, 'before')
  first.release()
  t.ok(engine.isRunning('text'), 'letting go of it does not end it')
  const next = dockerLauncher(t, { dockerHost, stateDir }).launcher
  const run = await next.adopt()
  if (!run) throw new Error('there was nothing to adopt')
  engine.print('text', 'after\n')
  await hasPrinted(run, 'after')
  t.notOk((await run.lastOutput()).includes('long before'), 'nothing twice')
  await run.stop(KILL_SOON)
  t.equal(engine.isRunning('text'), false)
  t.equal(await launcher.adopt(), undefined, 'one that has stopped is not')
})

t.test('a socket proxy that comes a moment later than the gateway is waited for', async (t) => {
  const socket = join(tempFolder(t), 'late.sock')
  const { launcher } = dockerLauncher(t, { dockerHost: `unix://${socket}` })
  const adoption = launcher.adopt()
  const { engine } = await startFakeEngine(t, { socket })
  engine.add('text')
  engine.start('text')
  const run = await adoption
  t.match(run?.origin, /:5001$/)
  await run?.stop(KILL_SOON)
})

t.test('a start of one that runs already goes on with it', async (t) => {
  const { engine, start } = await withContainer(t)
  engine.start('text')
  const run = await start()
  engine.end('text', 0)
  t.match(await run.exited, { code: 0 })
})

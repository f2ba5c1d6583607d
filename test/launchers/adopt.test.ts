import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { Run } from '../../src/launchers/launcher.js'
import { identityOf } from '../../src/launchers/process-identity.js'
import { type ProcessRecord, StateFile } from '../../src/launchers/state-file.js'
import { isAlive, KILL_SOON, lineOf, processLauncher } from '../helpers/processes.js'

/** Scripts of a shell, which starts sooner than Node: one that stays, and one that leads a group. */
const STAYS = ['-c', 'echo ready; exec sleep 60']
const LEADS = ['-c', 'sleep 60 & echo "grandchild $!"; echo ready; wait']

function shell(t: Test, args: readonly string[], stateDir = t.testdir({})) {
  return processLauncher(t, args, { command: { command: '/bin/sh' }, host: { stateDir } })
}

/** What a gateway that was killed leaves: its state file, and a backend that goes on. */
async function leftBy(t: Test, args = STAYS) {
  const stateDir = t.testdir({})
  // Nothing else keeps this process alive while it waits for the end of one that is no child of its.
  const stay = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(stay))
  const first = shell(t, args, stateDir)
  const run = await first.start()
  await lineOf(run, 'ready')
  const file = `${stateDir}/state.json`
  const record = new StateFile(file).get('text')
  if (!record) throw new Error('it is not in the state file')
  return {
    ...{ run, record },
    pid: record.pid,
    recorded: () => new StateFile(file).get('text'),
    rewrite: (changes: Partial<ProcessRecord>) =>
      new StateFile(file).put('text', { ...record, ...changes }),
    /** The next gateway looks for what was left of this command. */
    adopt: (next = args) => shell(t, next, stateDir).launcher.adopt(),
  }
}

/** Kills the leader of a group, and resolves with the process id of what it leaves. */
async function outlivedBy(run: Run): Promise<number> {
  const grandchild = Number((await lineOf(run, 'grandchild')).split(' ')[1])
  process.kill(run.pid ?? 0, 'SIGKILL')
  await run.exited
  return grandchild
}

async function adopted(run: Promise<Run | undefined>): Promise<Run> {
  const found = await run
  if (!found) throw new Error('there was nothing to adopt')
  return found
}

t.test('what lives on with the same command is taken over, and its stop ends it', async (t) => {
  const left = await leftBy(t)
  left.run.release()
  const run = await adopted(left.adopt())
  t.match(run, { pid: left.pid, origin: left.run.origin })
  t.same(await run.lastOutput(), ['ready'], 'with what it printed before')
  t.ok((await run.progress()).outputBytes > 0)
  t.ok(isAlive(left.pid))
  await run.stop(KILL_SOON)
  t.notOk(isAlive(-left.pid))
  t.same(await run.exited, { code: null, signal: null }, 'how it ended only its parent knows')
  t.equal(left.recorded(), undefined)
})

t.test('a take-over leaves the record, so that the next gateway finds it too', async (t) => {
  const left = await leftBy(t)
  const second = await adopted(left.adopt())
  second.release()
  t.strictSame(left.recorded(), left.record)
  const third = await adopted(left.adopt())
  t.equal(third.pid, left.pid)
  third.kill()
  await third.exited
  await third.stop(KILL_SOON)
  t.equal(left.recorded(), undefined)
})

t.test('the end of one that was taken over is noticed', async (t) => {
  const left = await leftBy(t)
  const run = await adopted(left.adopt())
  process.kill(left.pid, 'SIGKILL')
  t.same(await run.exited, { code: null, signal: null })
  await run.stop(KILL_SOON)
})

t.test('what was started by another command is ended with all it started', async (t) => {
  const left = await leftBy(t, LEADS)
  const grandchild = await outlivedBy(left.run)
  t.ok(isAlive(grandchild), 'it outlived its leader')
  t.equal(await left.adopt(STAYS), undefined)
  t.notOk(isAlive(grandchild))
  t.equal(left.recorded(), undefined)
})

t.test('what was started by another command is asked politely', async (t) => {
  const left = await leftBy(t)
  t.equal(await left.adopt([...STAYS, '--other']), undefined)
  t.same(await left.run.exited, { code: null, signal: 'SIGTERM' })
  t.equal(left.recorded(), undefined)
})

t.test('a group without its leader is of no use and is ended, same command or not', async (t) => {
  const left = await leftBy(t, LEADS)
  const grandchild = await outlivedBy(left.run)
  t.equal(await left.adopt(), undefined)
  t.notOk(isAlive(grandchild))
})

t.test('what has ended meanwhile is forgotten', async (t) => {
  const left = await leftBy(t)
  process.kill(left.pid, 'SIGKILL')
  await left.run.exited
  t.equal(await left.adopt(), undefined)
  t.equal(left.recorded(), undefined)
})

t.test('an innocent process that was given the id is never touched', async (t) => {
  const left = await leftBy(t)
  const boot = left.record.identity.split(' ')[0] ?? ''
  for (const changes of [
    { identity: `${left.record.identity}1` },
    { identity: `${boot} 1`, command: 'of another one' },
    { identity: 'nonsense', command: 'of another one' },
    { identity: '' },
  ]) {
    left.rewrite(changes)
    t.equal(await left.adopt(), undefined)
    t.equal(left.recorded(), undefined, 'the record is of no use any more')
    t.ok(isAlive(left.pid))
  }
  left.run.kill()
  t.match(await left.run.exited, { signal: 'SIGKILL' }, 'no polite signal had reached it')
})

t.test('a record from before the system was started ends nothing', async (t) => {
  if (process.platform !== 'linux') return t.pass('only Linux tells')
  const left = await leftBy(t, LEADS)
  const grandchild = await outlivedBy(left.run)
  left.rewrite({ identity: `another-boot ${left.record.identity.split(' ')[1]}` })
  t.equal(await left.adopt(), undefined)
  t.equal(left.recorded(), undefined)
  t.ok(isAlive(grandchild), 'a group with that id is not ours today')
  left.run.kill()
  return left.run.stop(KILL_SOON)
})

t.test('where nothing was left there is nothing to adopt', async (t) => {
  t.equal(await shell(t, STAYS).launcher.adopt(), undefined)
})

t.test('a record names its process, and no password of its command', async (t) => {
  const left = await leftBy(t, [...STAYS, '--password', 'hunter22'])
  t.equal(left.record.identity, await identityOf(left.pid, process.platform))
  t.equal(left.record.port, Number(new URL(left.run.origin).port))
  t.notMatch(readFileSync(`${t.testdirName}/state.json`, 'utf8'), /hunter22/)
  await left.run.stop(KILL_SOON)
})

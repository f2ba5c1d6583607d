import t from 'tap'
import { type Run, StartFailure } from '../../src/launchers/launcher.js'
import { ProcessGroup } from '../../src/launchers/process-group.js'
import { identityOf } from '../../src/launchers/process-identity.js'
import {
  ASK_ONLY,
  fixture,
  isAlive,
  KILL_SOON,
  lineOf,
  processLauncher,
} from '../helpers/processes.js'
import { until } from '../helpers/until.js'

t.test('a stop asks politely first, by the first signal of the recipe', async (t) => {
  for (const signals of [
    ['SIGINT', 'SIGTERM', 'SIGKILL'],
    ['SIGTERM', 'SIGKILL'],
  ] as const) {
    const run = await processLauncher(t, [fixture('ends-on-signal.mjs')]).start()
    await lineOf(run, 'ready')
    await run.stop({ ...ASK_ONLY, signals })
    t.same(await run.exited, { code: 0, signal: null })
    t.equal((await run.lastOutput()).at(-1), `ended by ${signals[0]}`)
  }
})

t.test('a stop kills what ignores every polite signal', async (t) => {
  const run = await processLauncher(t, [fixture('ignores-signals.mjs')]).start()
  await lineOf(run, 'ready')
  await run.stop({ signals: ['SIGINT', 'SIGTERM', 'SIGKILL'], timeoutMs: 200 })
  t.same(await run.exited, { code: null, signal: 'SIGKILL' })
  t.same((await run.lastOutput()).slice(-2), ['ignored SIGINT', 'ignored SIGTERM'])
  t.notOk(isAlive(run.pid ?? 0))
})

t.test(
  'a stop ends the grandchild too, though it ignores signals and keeps stdio open',
  async (t) => {
    const run = await processLauncher(t, [fixture('leaves-a-grandchild.mjs')]).start()
    const grandchild = Number((await lineOf(run, 'grandchild')).split(' ')[1])
    await lineOf(run, 'ready')
    t.ok(isAlive(grandchild))
    await run.stop(KILL_SOON)
    t.notOk(isAlive(grandchild))
    t.notOk(isAlive(-(run.pid ?? 0)), 'nothing of its group lives')
  },
)

t.test('a stop after the child has exited still ends what it left behind', async (t) => {
  const run = await processLauncher(t, [fixture('leaves-a-grandchild.mjs'), '--exit']).start()
  t.same(await run.exited, { code: 0, signal: null }, 'the grandchild does not hold its end back')
  const grandchild = Number((await lineOf(run, 'grandchild')).split(' ')[1])
  await lineOf(run, 'ready')
  t.ok(isAlive(grandchild))
  await run.stop(KILL_SOON)
  t.notOk(isAlive(grandchild))
})

t.test('a kill ends the grandchild too, without a wait', async (t) => {
  const run = await processLauncher(t, [fixture('leaves-a-grandchild.mjs')]).start()
  const grandchild = Number((await lineOf(run, 'grandchild')).split(' ')[1])
  run.kill()
  t.match(await run.exited, { signal: 'SIGKILL' })
  await until('the grandchild is gone', () => !isAlive(grandchild))
})

t.test('a program that closed its output is stopped like any other', async (t) => {
  const run = await processLauncher(t, [fixture('closes-its-output.mjs')]).start()
  await lineOf(run, 'ready')
  t.ok(isAlive(run.pid ?? 0))
  await run.stop(ASK_ONLY)
  t.match(await run.exited, { signal: 'SIGINT' })
})

t.test('a port is free again once the stop of its backend has resolved', async (t) => {
  const args = [fixture('takes-its-port.mjs'), '${port}']
  const first = await processLauncher(t, args).start()
  await lineOf(first, 'ready')
  const port = Number(new URL(first.origin).port)
  const fixed = processLauncher(t, args, { address: { host: '127.0.0.1', port } })
  await t.rejects(fixed.start(), StartFailure, 'not before')
  await first.stop(KILL_SOON)
  const second = await fixed.start()
  t.equal(second.origin, first.origin)
  await second.stop(KILL_SOON)
})

t.test('a group of which nothing lives is ended without a step', async (t) => {
  const run = await processLauncher(t, ['-e', '']).start()
  await run.exited
  const group = await groupOf(run)
  t.equal(group.isAlive(), false)
  t.equal(await group.end([{ how: 'SIGKILL', waitMs: 60_000 }]), true)
  group.kill()
})

t.test('a group that outlives all its steps is said to live', async (t) => {
  const run = await processLauncher(t, [fixture('ignores-signals.mjs')]).start()
  await lineOf(run, 'ready')
  const group = await groupOf(run)
  t.equal(await group.end([{ how: 'SIGTERM', waitMs: 30 }]), false)
  await run.stop(KILL_SOON)
  t.equal(await group.end([{ how: 'SIGTERM', waitMs: 30 }]), true)
})

async function groupOf({ pid = 0 }: Run): Promise<ProcessGroup> {
  return new ProcessGroup(pid, await identityOf(pid, process.platform), process.platform)
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import {
  identityOf,
  isOfThisBoot,
  startTicks,
  startTimeCommand,
} from '../../src/launchers/process-identity.js'

const { platform } = process

/** A line of /proc/PID/stat as Linux 6.1 prints it, but for its name and state. */
function stat(name: string, state = 'S'): string {
  const before = '1 4242 4242 0 -1 4194560 3341 87119 0 12 25 9 63 21 20 0 11 0'
  const after = '1022963712 15872 18446744073709551615 4194304 5242880 0 0 0 0 0 0 0 0 0 17 3 0 0 0'
  return `4242 (${name}) ${state} ${before} 8675309 ${after}\n`
}

t.test('the start is read behind the name, whatever that holds', (t) => {
  for (const name of ['node', 'a b', 'a) S 1 2 3', '(', ')', ') ) )', '', 'tmux: server', 'x\ny']) {
    t.equal(startTicks(stat(name)), '8675309', JSON.stringify(name))
  }
  t.end()
})

t.test('a process in any state has a start, unless it only waits to be collected', (t) => {
  for (const state of ['R', 'S', 'D', 'T', 't', 'I'])
    t.equal(startTicks(stat('x', state)), '8675309')
  for (const state of ['Z', 'X']) t.equal(startTicks(stat('x', state)), undefined, state)
  t.end()
})

t.test('a process that lives has the same identity each time, unlike any other', async (t) => {
  const child = spawn('sleep', ['60'])
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  const [own, again, parent, other] = await Promise.all(
    [process.pid, process.pid, process.ppid, child.pid ?? 0].map((pid) =>
      identityOf(pid, platform),
    ),
  )
  t.match(own, /\S/)
  t.equal(again, own)
  t.not(other, own)
  t.not(other, parent)
})

t.test('a process that has ended has no identity, nor does one that never was', async (t) => {
  const child = spawn('sleep', ['60'])
  await once(child, 'spawn')
  const pid = child.pid ?? 0
  t.type(await identityOf(pid, platform), 'string')
  child.kill('SIGKILL')
  await once(child, 'exit')
  for (const gone of [pid, 0, -1, 2 ** 30, Number.NaN]) {
    t.equal(await identityOf(gone, platform), undefined, String(gone))
  }
})

t.test('where the platform has no such tool, no process has an identity', async (t) => {
  if (platform === 'win32') return t.pass('it has')
  return t.equal(await identityOf(process.pid, 'win32'), undefined)
})

t.test('a process of today is told from one before the last start of the system', async (t) => {
  const own = (await identityOf(process.pid, platform)) ?? ''
  t.ok(await isOfThisBoot(own, platform))
  if (platform !== 'linux') return
  for (const identity of ['', '8675309', `0${own}`, own.replace(' ', ''), `other ${own}`]) {
    t.notOk(await isOfThisBoot(identity, platform), identity)
  }
})

t.test('where a start of the system is not known, every identity may be of today', async (t) => {
  for (const other of ['darwin', 'win32'] as const) t.ok(await isOfThisBoot('Sun Nov 22', other))
})

t.test('other platforms are asked by their own tool, in a form that does not vary', (t) => {
  t.strictSame(startTimeCommand(42, 'darwin'), ['ps', ['-o', 'lstart=', '-p', '42']])
  const [tool, args] = startTimeCommand(42, 'win32')
  t.equal(tool, 'powershell')
  t.same(args.slice(0, -1), ['-NoProfile', '-NonInteractive', '-Command'])
  t.match(args.at(-1), /-Id 42\b.*StartTime.*ToFileTimeUtc/)
  t.end()
})

import t from 'tap'
import { groupMembers, memberOf } from '../../src/launchers/group-members.js'
import { KILL_SOON, lineOf, processLauncher } from '../helpers/processes.js'
import { until } from '../helpers/until.js'

/** A line of /proc/PID/stat as Linux 6.1 prints it, of group 4242 and with 15872 pages. */
function stat(name: string, state = 'S'): string {
  const before = '1 4242 4200 0 -1 4194560 3341 87119 0 12 25 9 63 21 20 0 11 0 8675309'
  const after = '18446744073709551615 4194304 5242880 0 0 0 0 0 0 0 0 0 17 3 0 0 0'
  return `4250 (${name}) ${state} ${before} 1022963712 15872 ${after}\n`
}

t.test('a process of the group is told with its memory, whatever its name holds', (t) => {
  for (const name of ['node', 'a b', 'a) S 1 7 7', '(', ') Z 1 7', '']) {
    t.strictSame(memberOf(stat(name), 4242), { lives: true, residentBytes: 15872 * 4096 }, name)
  }
  t.end()
})

t.test('a process of another group is none, though its id, parent or session is the same', (t) => {
  for (const group of [1, 4250, 4200, 424, -4242, 0]) {
    t.equal(memberOf(stat('node'), group), undefined, String(group))
  }
  t.equal(memberOf('', 4242), undefined, 'it ended while it was looked at')
  t.end()
})

t.test('one that only waits to be collected does not live', (t) => {
  for (const state of ['Z', 'X']) t.match(memberOf(stat('x', state), 4242), { lives: false })
  for (const state of ['R', 'S', 'D', 'T', 'I']) {
    t.match(memberOf(stat('x', state), 4242), { lives: true })
  }
  t.end()
})

t.test('a leader and what it started are the members of its group', async (t) => {
  if (process.platform !== 'linux') return t.pass('asked of /proc')
  const run = await processLauncher(t, ['-c', 'sleep 60 & echo ready; wait'], {
    command: { command: '/bin/sh' },
  }).start()
  await lineOf(run, 'ready')
  let members = (await groupMembers(run.pid ?? 0)) ?? []
  t.equal(members.length, 2)
  await until('the second one has its own program', async () => {
    members = (await groupMembers(run.pid ?? 0)) ?? []
    return members.every(({ residentBytes }) => residentBytes > 0)
  })
  for (const member of members) {
    t.ok(member.lives)
    t.ok(member.residentBytes > 4096, `${member.residentBytes} bytes`)
  }
  await run.stop(KILL_SOON)
  const left = (await groupMembers(run.pid ?? 0)) ?? []
  return t.notOk(left.some(({ lives }) => lives))
})

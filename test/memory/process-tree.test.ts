import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import {
  listProcesses,
  type ProcessRow,
  rowOfStat,
  rowsOfPs,
  rowsOfWindows,
} from '../../src/memory/process-list.js'
import { treesIn, treesOf } from '../../src/memory/process-tree.js'
import { residentBytes, residentOfStatus } from '../../src/memory/resident.js'
import { until } from '../helpers/until.js'

const row = (pid: number, parent: number, group = 0): ProcessRow => ({ pid, parent, group })

const sorted = (trees: ReadonlyMap<number, readonly number[]>) =>
  Object.fromEntries([...trees].map(([root, pids]) => [root, [...pids].sort((a, b) => a - b)]))

t.test('a tree is its root, whoever descends from it, and the members of its group', (t) => {
  const rows = [
    row(10, 1, 10),
    row(11, 10, 10),
    row(12, 11, 12), // has a group of its own
    row(13, 1, 10), // its parent has ended
    row(14, 13, 99),
    row(20, 1, 20),
    row(21, 20, 20),
    row(30, 1, 30),
  ]
  t.same(sorted(treesIn(rows, [10, 20])), { 10: [10, 11, 12, 13, 14], 20: [20, 21] })
  t.end()
})

t.test('what outlives its root is of its tree', (t) => {
  t.same(sorted(treesIn([row(13, 1, 10), row(14, 13, 14)], [10, 77])), { 10: [13, 14], 77: [] })
  t.end()
})

t.test('no tree is rooted in the system itself', (t) => {
  t.same(sorted(treesIn([row(1, 0, 1), row(2, 0, 0), row(3, 1, 1)], [0, 1])), { 0: [], 1: [] })
  t.end()
})

t.test(
  'whoever was started before its parent is the child of another, that had the id before',
  (t) => {
    const rows = [
      { ...row(10, 4), startedMs: 500 },
      { ...row(11, 10), startedMs: 400 },
      { ...row(12, 10), startedMs: 500 },
    ]
    t.same(sorted(treesIn(rows, [10])), { 10: [10, 12] })
    t.end()
  },
)

t.test('of any list each process is in a tree at most once, also in a circle', (t) => {
  const pid = fc.integer({ min: 0, max: 12 })
  const rows = fc.uniqueArray(fc.record({ pid, parent: pid, group: pid }), {
    selector: (one) => one.pid,
  })
  fc.assert(
    fc.property(rows, pid, (list, root) => {
      const tree = treesIn(list, [root]).get(root) ?? []
      return (
        new Set(tree).size === tree.length && tree.every((id) => list.some((one) => one.pid === id))
      )
    }),
  )
  t.end()
})

t.test('a line of /proc is read whatever the name in it, and one that has ended is none', (t) => {
  const rest = '1 4242 4200 0 -1 4194560 3341 87119'
  for (const name of ['node', 'a b', 'a) S 1 7 7', ')', '']) {
    t.same(rowOfStat(`4250 (${name}) S ${rest}`), row(4250, 1, 4242), name)
  }
  for (const state of ['Z', 'X']) t.equal(rowOfStat(`4250 (node) ${state} ${rest}`), undefined)
  t.equal(rowOfStat(''), undefined)
  t.end()
})

t.test('the table of ps is read', (t) => {
  const text =
    '    1     0     1   9000 Ss\n  501     1   501  20480 S+\n  502   501   501      0 Z+\n\n'
  t.same(rowsOfPs(text), [
    { ...row(1, 0, 1), residentBytes: 9000 * 1024 },
    { ...row(501, 1, 501), residentBytes: 20480 * 1024 },
  ])
  t.end()
})

t.test('the table of Windows is read, and what else PowerShell says is not', (t) => {
  const text =
    '0,0,8192,0\r\n4,0,135168,13350000000000\r\nSome warning, 5\r\n\r\n900,4,77,13350000000900\r\n'
  t.same(rowsOfWindows(text), [
    { ...row(0, 0), residentBytes: 8192, startedMs: 0 },
    { ...row(4, 0), residentBytes: 135168, startedMs: 13350000000000 },
    { ...row(900, 4), residentBytes: 77, startedMs: 13350000000900 },
  ])
  t.end()
})

t.test('a mapped file is resident, and not held', (t) => {
  const text =
    'Name:\tllama\nVmRSS:\t  1000 kB\nRssAnon:\t 200 kB\nRssFile:\t 700 kB\nRssShmem:\t100 kB\n'
  t.same(residentOfStatus(text), { bytes: 1000 * 1024, heldBytes: 300 * 1024 })
  t.same(residentOfStatus('VmRSS:\t5 kB\n'), { bytes: 5120, heldBytes: 5120 }, 'before Linux 4.5')
  t.equal(residentOfStatus('Name:\tkthreadd\n'), undefined)
  t.end()
})

/** A shell that leads a group and starts another in a group of its own; both wait. */
async function family(t: Test) {
  const script = 'setsid sleep 60 & echo $!; exec sleep 60'
  const child = spawn('/bin/sh', ['-c', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const grandchild = Number(line.toString())
  t.teardown(() => {
    child.kill('SIGKILL')
    try {
      process.kill(grandchild, 'SIGKILL')
    } catch {
      // the test has ended it
    }
  })
  return { child, root: child.pid ?? 0, grandchild }
}

t.test('the tree of a program that runs has what it started', async (t) => {
  if (process.platform !== 'linux') return t.pass('setsid is of Linux')
  const { child, root, grandchild } = await family(t)
  t.same(sorted(await treesOf([root])), { [root]: [root, grandchild] })
  const look = () => residentBytes([root, grandchild, 2 ** 22 + 1])
  t.same([...(await look()).keys()].sort(), [root, grandchild].sort())
  await until('both have come to hold something of their own', async () =>
    [...(await look()).values()].every(
      ({ bytes, heldBytes }) => bytes > heldBytes && heldBytes > 0,
    ),
  )
  process.kill(grandchild, 'SIGKILL')
  await until('its end is seen', async () => (await treesOf([root])).get(root)?.length === 1)
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.same(sorted(await treesOf([root])), { [root]: [] })
  t.same(await treesOf([]), new Map())
  return t.ok((await listProcesses()).some(({ pid }) => pid === process.pid))
})

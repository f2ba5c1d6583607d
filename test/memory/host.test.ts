import { totalmem } from 'node:os'
import t, { type Test } from 'tap'
import { hostSource, ramOfMeminfo, usedByVmStat } from '../../src/memory/devices/host.js'

const GIB = 2 ** 30
const MEMINFO = `MemTotal:       16777216 kB
MemFree:          524288 kB
MemAvailable:   12582912 kB
Buffers:          102400 kB
Cached:         11534336 kB
`
/** 16 GiB, of which 4 are in use; what is kept of files is not. */
const HOST = { totalBytes: 16 * GIB, usedBytes: 4 * GIB }

type Tree = NonNullable<Parameters<Test['testdir']>[0]>

/** What a Linux with these files has. */
async function ramWith(t: Test, cgroup: string, fs: Tree = {}) {
  const root = t.testdir({
    proc: { meminfo: MEMINFO, self: { cgroup } },
    sys: { fs: { cgroup: fs } },
  })
  const [ram] = await hostSource({ platform: 'linux', root }).read(new AbortController().signal)
  return ram
}

t.test('files that are only kept are no memory in use', async (t) => {
  t.same(ramOfMeminfo(MEMINFO), { total: 16 * GIB, used: 4 * GIB })
  t.equal(ramOfMeminfo('MemTotal: 5 kB\n'), undefined, 'before Linux 3.14 it was not told')
  t.same(await ramWith(t, ''), {
    ...{ id: 'ram', kind: 'ram', name: 'RAM', byPid: undefined, select: {} },
    ...HOST,
  })
})

t.test('a container has what it is limited to, less what it cannot give up', async (t) => {
  const fs = {
    'memory.max': `${8 * GIB}\n`,
    'memory.current': `${5 * GIB}\n`,
    'memory.stat': `anon ${GIB}\ninactive_file ${2 * GIB}\nactive_file 4096\n`,
  }
  t.match(await ramWith(t, '0::/\n', fs), { totalBytes: 8 * GIB, usedBytes: 3 * GIB })
})

t.test('of the groups that a process is in, the narrowest counts', async (t) => {
  const unit = { 'memory.max': 'max\n', 'memory.current': `${GIB}\n`, 'memory.stat': '' }
  const slice = {
    'memory.max': `${6 * GIB}\n`,
    'memory.current': `${5 * GIB}\n`,
    'memory.stat': '',
  }
  const fs = { 'ai.slice': { ...slice, 'gate.service': unit } }
  const ram = await ramWith(t, '0::/ai.slice/gate.service\n', fs)
  t.match(ram, { totalBytes: 6 * GIB, usedBytes: 5 * GIB })
})

t.test('a container on a host that is full has no more room than the host', async (t) => {
  const fs = { 'memory.max': `${14 * GIB}\n`, 'memory.current': '0\n', 'memory.stat': '' }
  const ram = await ramWith(t, '0::/\n', fs)
  t.match(ram, { totalBytes: 14 * GIB, usedBytes: 2 * GIB }, '12 GiB are free on the host')
})

t.test(
  'the first version of cgroups is understood, also by a path that is only the host’s',
  async (t) => {
    const memory = {
      'memory.limit_in_bytes': `${4 * GIB}\n`,
      'memory.usage_in_bytes': `${3 * GIB}\n`,
      'memory.stat': `inactive_file 77\ntotal_inactive_file ${GIB}\n`,
    }
    const cgroup = '12:cpu,cpuacct:/docker/ab12\n5:memory:/docker/ab12\n1:name=systemd:/x\n'
    t.match(await ramWith(t, cgroup, { memory }), { totalBytes: 4 * GIB, usedBytes: 2 * GIB })
    const unlimited = { ...memory, 'memory.limit_in_bytes': '9223372036854771712\n' }
    t.match(await ramWith(t, cgroup, { memory: unlimited }), HOST)
  },
)

t.test(
  'groups without a limit, or with nonsense in their files, leave the host’s numbers',
  async (t) => {
    t.match(await ramWith(t, '0::/a/b\n', { 'memory.max': 'max\n' }), HOST)
    t.match(await ramWith(t, '0::/../..\nx\n::\n', { 'memory.max': '-1\n' }), HOST)
    const fs = { 'memory.max': '4096\n', 'memory.current': 'what\n', 'memory.stat': '' }
    t.match(await ramWith(t, '0::/\n', fs), HOST)
  },
)

t.test('a system that says nothing is a failure', async (t) => {
  const source = hostSource({ platform: 'linux', root: t.testdir({}) })
  await t.rejects(source.read(new AbortController().signal), { name: 'SourceFailure' })
})

t.test('on a Mac what programs and the kernel have and what is compressed is in use', (t) => {
  const text = `Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                                5000.
Pages active:                            300000.
Pages inactive:                          290000.
Pages speculative:                         1500.
Pages throttled:                              0.
Pages wired down:                        100000.
Pages purgeable:                           2000.
"Translation faults":                 900000000.
File-backed pages:                       180000.
Anonymous pages:                         400000.
Pages stored in compressor:              500000.
Pages occupied by compressor:             90000.
`
  t.equal(usedByVmStat(text), (400000 - 2000 + 100000 + 90000) * 16384)
  t.equal(usedByVmStat(''), undefined)
  t.end()
})

t.test('the memory of this machine is told', async (t) => {
  const [ram] = await hostSource().read(new AbortController().signal)
  if (!ram) throw new Error('it is not told')
  t.ok(ram.totalBytes > 0 && ram.totalBytes <= totalmem(), `${ram.totalBytes}`)
  t.ok(ram.usedBytes > 0 && ram.usedBytes < ram.totalBytes, `${ram.usedBytes}`)
  const [windows] = await hostSource({ platform: 'win32' }).read(new AbortController().signal)
  t.equal(windows?.totalBytes, totalmem())
})

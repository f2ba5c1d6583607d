import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { nvidiaSource } from '../../src/memory/devices/nvidia.js'
import type { DeviceReading } from '../../src/memory/devices/reading.js'
import { makeCards } from '../helpers/cards.js'
import { until } from '../helpers/until.js'

const MIB = 2 ** 20
const SMALL = { uuid: 'GPU-00000000-0000-0000-0000-000000000001', name: 'Small', totalMiB: 8192 }
const LARGE = { uuid: 'GPU-00000000-0000-0000-0000-000000000002', name: 'Large', totalMiB: 24576 }

function setUp(t: Test) {
  const cards = makeCards(t, [{ ...SMALL, foreignMiB: 300 }, LARGE])
  const warnings: string[] = []
  const source = nvidiaSource({ env: cards.env, onWarning: (text) => void warnings.push(text) })
  const leave = new AbortController()
  return { cards, warnings, leave, read: () => source.read(leave.signal) }
}

/** An nvidia-smi that is a shell script. */
function scripted(t: Test, script: string) {
  const folder = t.testdir({ 'nvidia-smi': `#!/bin/sh\n${script}\n` })
  chmodSync(join(folder, 'nvidia-smi'), 0o755)
  return { folder, env: { PATH: `${folder}:${process.env.PATH}` } }
}

/** The reader of its exit collects it, so its id is free then. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const usedMiB = (readings: readonly DeviceReading[]) =>
  readings.map(({ usedBytes }) => usedBytes / MIB)

t.test('the cards of the machine are those that nvidia-smi tells of', async (t) => {
  const { cards, read } = setUp(t)
  writeFileSync(
    join(cards.folder, `held-${process.pid}`),
    JSON.stringify({ uuid: SMALL.uuid, mib: 5000 }),
  )
  const [small, large] = await read()
  t.match(small, {
    id: SMALL.uuid,
    kind: 'nvidia',
    name: 'Small',
    totalBytes: 8192 * MIB,
    usedBytes: 5300 * MIB,
    select: { CUDA_VISIBLE_DEVICES: SMALL.uuid },
  })
  t.same(small?.byPid, new Map([[process.pid, 5000 * MIB]]))
  t.same(large?.byPid, new Map())
  t.equal(large?.usedBytes, 0)
})

t.test('what a card counts of a process that has ended is nobody’s', async (t) => {
  const { cards, read } = setUp(t)
  cards.lag(600_000)
  const gone = 2 ** 22 + 1 // no process has an id above 2 ** 22
  writeFileSync(join(cards.folder, `held-${gone}`), JSON.stringify({ uuid: LARGE.uuid, mib: 700 }))
  const readings = await read()
  t.same(usedMiB(readings), [300, 700])
  t.same(readings[1]?.byPid, new Map())
  cards.lag(0)
  t.same(usedMiB(await read()), [300, 0], 'until it is free')
})

t.test('a driver that fails is a failure in its words', async (t) => {
  const { cards, read } = setUp(t)
  cards.fail(true)
  await t.rejects(read(), { name: 'SourceFailure', toolIsMissing: false, message: /couldn't comm/ })
  cards.fail('Failed to initialize NVML: Driver/library version mismatch\n')
  await t.rejects(read(), { message: /restart this machine/ })
  cards.fail('No devices were found\n')
  t.same(await read(), [], 'and one without cards is none')
  cards.fail(false)
  t.equal((await read()).length, 2, 'it may be well again')
})

t.test('a tool that is not there is told apart from one that fails', async (t) => {
  const signal = new AbortController().signal
  const missing = nvidiaSource({ env: { PATH: t.testdir({}) } }).read(signal)
  await t.rejects(missing, { name: 'SourceFailure', toolIsMissing: true })
  const failing = nvidiaSource({ env: scripted(t, 'echo no luck >&2; exit 3').env }).read(signal)
  await t.rejects(failing, { toolIsMissing: false, message: 'no luck' })
})

t.test('one that hangs is killed when the reader leaves, and asked again only then', async (t) => {
  const { folder, env } = scripted(t, `echo $$ >> "$(dirname "$0")/pids"; exec sleep 600`)
  const file = join(folder, 'pids')
  const pids = () =>
    existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []
  const source = nvidiaSource({ env })
  const leave = new AbortController()
  const reading = source.read(leave.signal)
  await until('both questions are asked', () => pids().length === 2)
  const early = source.read(new AbortController().signal)
  await t.rejects(early, { message: /hangs/ }, 'no third one is started beside them')
  leave.abort(new Error('too late'))
  await t.rejects(reading, { message: 'too late' })
  await until('they are gone', () => !pids().some(isThere))
  t.equal(pids().length, 2)
})

t.test('a card that is lost is said once, while the other one is read', async (t) => {
  const line = `0, ${SMALL.uuid}, 00000000:01:00.0, Small, 8192, 10, 8182`
  const { env } = scripted(
    t,
    `case "$1" in *gpu=*) echo "Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost."; echo "${line}"; exit 15;; esac`,
  )
  const warnings: string[] = []
  const source = nvidiaSource({ env, onWarning: (text) => void warnings.push(text) })
  const { signal } = new AbortController()
  t.match(await source.read(signal), [{ id: SMALL.uuid, usedBytes: 10 * MIB }])
  await source.read(signal)
  t.match(warnings, [/^nvidia-smi says: Unable to determine/])
  t.equal(warnings.length, 1)
})

t.test('a driver that tells of cards and not of processes leaves these untold', async (t) => {
  const line = `0, ${SMALL.uuid}, 00000000:01:00.0, Small, 8192, 10, 8182`
  const { env } = scripted(t, `case "$1" in *gpu=*) echo "${line}";; *) exit 3;; esac`)
  const [card] = await nvidiaSource({ env }).read(new AbortController().signal)
  t.equal(card?.id, SMALL.uuid)
  t.equal(card?.byPid, undefined)
})

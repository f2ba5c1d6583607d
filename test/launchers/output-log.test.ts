import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { OutputLog } from '../../src/launchers/output-log.js'
import { until } from '../helpers/until.js'

const MAX_BYTES = 10 * 1024 * 1024
const CHECK_EVERY_MS = 5_000

/** A log whose file a child would write to by appending, and whose timer the test winds on. */
async function openLog(t: Test, before?: string) {
  mock.timers.enable({ apis: ['setInterval'] })
  const file = join(t.testdir({}), 'logs', 'text.log')
  if (before !== undefined) {
    mkdirSync(dirname(file))
    writeFileSync(file, before)
  }
  const log = new OutputLog(file)
  const handle = await log.open()
  t.teardown(async () => {
    log.close()
    await handle.close()
    mock.timers.reset()
  })
  return { log, file, handle, check: () => mock.timers.tick(CHECK_EVERY_MS) }
}

t.test('the last lines are those of this run, oldest first, without empty ones', async (t) => {
  const { log, file } = await openLog(t, 'of the last run\n')
  t.same(await log.lastLines(9), [])
  appendFileSync(file, 'one\n\ntwo\r\nthree')
  t.same(await log.lastLines(9), ['one', 'two', 'three'])
  t.same(await log.lastLines(2), ['two', 'three'])
})

t.test('of much output only the end is read', async (t) => {
  const { log, file } = await openLog(t)
  appendFileSync(file, `${'x'.repeat(1023)}\n`.repeat(1024))
  appendFileSync(file, 'the end\n')
  const lines = await log.lastLines(1_000)
  t.equal(lines.at(-1), 'the end')
  t.ok(lines.length <= 65)
})

t.test('a line is told whole or not at all, as half a secret cannot be masked', async (t) => {
  const { log, file } = await openLog(t)
  appendFileSync(file, `${'y'.repeat(200)}\n`.repeat(1_000))
  for (const line of await log.lastLines(1_000)) t.equal(line.length, 200)
})

t.test('a file that somebody removed or cut has no last lines', async (t) => {
  const { log, file } = await openLog(t, 'of the last run\n')
  writeFileSync(file, '')
  t.same(await log.lastLines(9), [])
  rmSync(file)
  t.same(await log.lastLines(9), [])
})

t.test('a file that grew too big during a run moves away, and the child writes on', async (t) => {
  const { log, file, handle, check } = await openLog(t)
  await handle.appendFile('x'.repeat(MAX_BYTES))
  await handle.appendFile('the last of the old\n')
  check()
  await until('it has moved', () => statSync(file).size === 0)
  t.match(readFileSync(`${file}.1`, 'latin1').slice(-9), 'the old\n')
  t.equal(statSync(`${file}.1`).mode & 0o777, 0o600)
  await handle.appendFile('new\n')
  t.equal(readFileSync(file, 'latin1'), 'new\n', 'at the new end, without a hole before it')
  t.same(await log.lastLines(9), ['new'])
})

t.test('a file within its bound stays where it is', async (t) => {
  const { log, file, handle, check } = await openLog(t)
  await handle.appendFile('x'.repeat(MAX_BYTES))
  check()
  for (let turn = 0; turn < 9; turn += 1) await log.lastLines(1)
  t.notOk(existsSync(`${file}.1`))
})

t.test('a file that is already too big moves away when the next run opens it', async (t) => {
  const { file, log } = await openLog(t, 'x'.repeat(MAX_BYTES + 1))
  t.equal(statSync(`${file}.1`).size, MAX_BYTES + 1)
  t.equal(statSync(file).size, 0)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same(await log.lastLines(9), [])
})

t.test('a closed log does not look at its file any more', async (t) => {
  const { log, file, check } = await openLog(t)
  log.close()
  appendFileSync(file, 'x'.repeat(MAX_BYTES + 1))
  check()
  for (let turn = 0; turn < 9; turn += 1) await log.lastLines(1)
  t.notOk(existsSync(`${file}.1`))
})

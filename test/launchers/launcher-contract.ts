import type { Test } from 'tap'
import type { Launcher, Run } from '../../src/launchers/launcher.js'
import { KILL_SOON, STAYS } from '../helpers/processes.js'

/** A launcher whose backend lives until it is stopped, and what only its maker can tell of it. */
export interface Candidate {
  readonly launcher: Launcher
  /** Whether anything of this run lives; always false for a backend that is not ours. */
  isAlive(run: Run): boolean
  /** Makes the backend end by itself; undefined for a backend whose end cannot be seen. */
  readonly end: ((run: Run) => void) | undefined
}

/** What launcher.ts promises of every launcher. */
export function launcherContract(t: Test, makeLauncher: (t: Test) => Candidate): void {
  t.test('a run says where it listens, without a path', async (t) => {
    const { run, stop } = await begin(t, makeLauncher)
    t.match(run.origin, /^https?:\/\/[^/]+:\d+$/)
    t.equal(new URL(run.origin).origin, run.origin)
    await stop()
  })

  t.test('nothing of a run lives once its stop has resolved', async (t) => {
    const { candidate, run, stop } = await begin(t, makeLauncher)
    await stop()
    t.equal(candidate.isAlive(run), false)
  })

  t.test('a run can be stopped twice at once, and again when it has ended', async (t) => {
    const { candidate, run, stop } = await begin(t, makeLauncher)
    await Promise.all([stop(), stop()])
    await stop()
    run.kill()
    t.equal(candidate.isAlive(run), false)
  })

  t.test('a run that is killed ends without being waited for', async (t) => {
    const { candidate, run, stop } = await begin(t, makeLauncher)
    run.kill()
    run.kill()
    if (candidate.end) t.match(await run.exited, { signal: String })
    await stop()
    t.equal(candidate.isAlive(run), false)
  })

  t.test('the last output is a list of lines, during the run and after it', async (t) => {
    const { run, stop } = await begin(t, makeLauncher)
    t.ok(Array.isArray(await run.lastOutput()))
    await stop()
    t.ok(Array.isArray(await run.lastOutput()))
  })

  t.test('its progress is a number that can be asked for at any time', async (t) => {
    const { run, stop } = await begin(t, makeLauncher)
    t.match(await run.progress(), { outputBytes: Number, memoryBytes: Number })
    await stop()
    t.match(await run.progress(), { outputBytes: Number, memoryBytes: Number })
  })

  t.test('there is nothing to adopt where no earlier gateway left anything', async (t) => {
    t.equal(await makeLauncher(t).launcher.adopt(), undefined)
  })

  t.test('each start is a run of its own', async (t) => {
    const { candidate, run, stop } = await begin(t, makeLauncher)
    await stop()
    const next = await candidate.launcher.start(STAYS)
    t.not(next, run)
    await next.stop(KILL_SOON)
    t.equal(candidate.isAlive(next), false)
  })

  t.test('a start that was given up leaves nothing alive', async (t) => {
    const { launcher, isAlive } = makeLauncher(t)
    const left = new Error('left')
    const outcome = await launcher.start(AbortSignal.abort(left)).catch((error) => error)
    if (outcome === left) return t.pass('it rejected with the reason')
    await outcome.stop(KILL_SOON)
    return t.equal(isAlive(outcome), false)
  })

  t.test('a run whose backend ends by itself tells how, once, to everybody', async (t) => {
    const { candidate, run, stop } = await begin(t, makeLauncher)
    if (!candidate.end) return t.pass('its end cannot be seen')
    candidate.end(run)
    const exit = await run.exited
    t.ok(exit.code !== null || exit.signal !== null)
    t.equal(await run.exited, exit)
    await stop()
    return t.equal(candidate.isAlive(run), false)
  })
}

async function begin(t: Test, makeLauncher: (t: Test) => Candidate) {
  const candidate = makeLauncher(t)
  const run = await candidate.launcher.start(STAYS)
  t.teardown(() => run.kill())
  return { candidate, run, stop: () => run.stop(KILL_SOON) }
}

import t, { type Test } from 'tap'
import type { Move } from '../../src/backends/recorder.js'
import type { State } from '../../src/backends/states.js'
import { StartFailure } from '../../src/launchers/launcher.js'
import { ASK, illegalMoves, stageBackend } from '../helpers/backend.js'
import { until } from '../helpers/until.js'

/** Calls back so many microtasks later. */
function afterTicks(ticks: number, then: () => void): void {
  if (ticks === 0) then()
  else queueMicrotask(() => afterTicks(ticks - 1, then))
}

/** Stops a backend so many ticks after it came to a state, and sees that nothing is left and all goes on. */
async function stopAfter(t: Test, at: State, ticks: number): Promise<void> {
  const stage = await stageBackend(t, { settings: { concurrency: 0 } })
  if (at === 'failed') stage.launcher.startError = new StartFailure('no')
  let stopped: Promise<void> | undefined
  stage.onMove = ({ to }: Move) => {
    if (to !== at || stopped !== undefined) return
    afterTicks(ticks, () => {
      stopped = stage.backend.stop('the end')
      stopped.catch(() => {})
    })
  }
  await Promise.allSettled([stage.backend.start(ASK.signal)])
  await until('it was told to stop', () => stopped !== undefined)
  await t.resolves(stopped as unknown as Promise<void>, `${ticks} ticks after ${at}`)
  t.same(illegalMoves(stage.moves), [])
  t.equal(stage.launcher.living.length, 0, `nothing lives ${ticks} ticks after ${at}`)
  stage.launcher.startError = undefined
  if (at === 'failed') return
  ;(await stage.lease()).end()
  await t.resolves(stage.backend.stop('the very end'), 'it can be started and stopped again')
}

for (const at of ['queued', 'starting', 'ready'] as const) {
  t.test(`a stop in any tick after ${at} leaves nothing behind`, async (t) => {
    for (let ticks = 1; ticks <= 10; ticks += 1) await stopAfter(t, at, ticks)
  })
}

t.test('a stop in any tick after failed leaves nothing behind', async (t) => {
  for (let ticks = 1; ticks <= 10; ticks += 1) await stopAfter(t, 'failed', ticks)
})

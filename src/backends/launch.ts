import type { BackendConfig } from '../config/config.js'
import type { Dialect } from '../dialects/dialect.js'
import { type Launcher, type Run, StartFailure } from '../launchers/launcher.js'
import { probeOnce, waitUntilReady } from './readiness.js'

export interface LaunchAsk {
  readonly config: BackendConfig
  readonly dialect: Dialect
  /** Aborts when nobody wants the backend any more. */
  readonly giveUp: AbortSignal
}

/**
 * Starts a backend and resolves with its run once it answers as its dialect demands.
 * `own` is told of the run as soon as something lives: after a failure it is the caller who ends it.
 */
export async function launch(
  launcher: Launcher,
  ask: LaunchAsk,
  own: (run: Run) => void,
): Promise<Run> {
  const { startTimeoutMs } = ask.config
  const timeout = AbortSignal.timeout(startTimeoutMs)
  const signal = AbortSignal.any([ask.giveUp, timeout])
  try {
    const run = await launcher.start(signal)
    own(run)
    await becomeReady(launcher, run, { ...ask, giveUp: signal })
    ask.giveUp.throwIfAborted()
    return run
  } catch (error) {
    if (!timeout.aborted || ask.giveUp.aborted) throw error
    const reason = `it was not ready within ${startTimeoutMs / 1000} s`
    throw new StartFailure(reason, { cause: error })
  }
}

async function becomeReady(launcher: Launcher, run: Run, ask: LaunchAsk): Promise<void> {
  const probe = {
    dialect: ask.dialect,
    serves: ask.config.serves,
    basePath: ask.config.address.basePath,
    signal: ask.giveUp,
  }
  if (launcher.kind === 'process') return waitUntilReady(run, probe)
  const readiness = await probeOnce(run.origin, probe)
  if (readiness.is === 'ready') return
  throw new StartFailure('it does not answer, and it is not started by Gatehouse', {
    cause: new Error(readiness.because),
  })
}

import type { BackendConfig } from '../config/config.js'
import type { Dialect } from '../dialects/dialect.js'
import { type Launcher, type Run, StartFailure } from '../launchers/launcher.js'
import { probeOnce, waitUntilReady } from './readiness.js'
import { StartDeadline } from './start-deadline.js'

/** An adopted process need not load anything: it answers soon, or is of no use. */
const CONFIRM_MS = 10_000

export interface LaunchAsk {
  readonly config: BackendConfig
  readonly dialect: Dialect
  /** Aborts when nobody wants the backend any more. */
  readonly giveUp: AbortSignal
  /** Variables that limit it to the devices it was given. */
  readonly env: Readonly<Record<string, string>>
}

/** What the caller of a launch does for it. */
export interface LaunchHelp {
  /** Is told of the run as soon as something lives: after a failure it is the caller who ends it. */
  own(run: Run): void
  /** It ran out of memory: ends its run and has somebody else stopped; resolves with whether there is more room now. */
  makeRoom(): Promise<boolean>
}

/**
 * Starts a backend and resolves with its run once it answers as its dialect demands; tried once again, with more
 * room, if it ran out of memory.
 */
export async function launch(launcher: Launcher, ask: LaunchAsk, help: LaunchHelp): Promise<Run> {
  try {
    return await launchOnce(launcher, ask, help)
  } catch (error) {
    const ranOut = error instanceof StartFailure && error.isOutOfMemory
    if (!ranOut || ask.giveUp.aborted || !(await help.makeRoom())) throw error
    return launchOnce(launcher, ask, help)
  }
}

async function launchOnce(
  launcher: Launcher,
  ask: LaunchAsk,
  { own }: Pick<LaunchHelp, 'own'>,
): Promise<Run> {
  const deadline = new StartDeadline(ask.config.startTimeoutMs)
  const signal = AbortSignal.any([ask.giveUp, deadline.signal])
  try {
    const run = await launcher.start(signal, ask.env)
    own(run)
    deadline.watch(run)
    await becomeReady(launcher, run, { ...ask, giveUp: signal })
    ask.giveUp.throwIfAborted()
    return run
  } catch (error) {
    if (!deadline.signal.aborted || ask.giveUp.aborted) throw error
    throw new StartFailure(deadline.reason, { cause: error })
  } finally {
    deadline.close()
  }
}

/** Resolves once a run that was taken over answers as its dialect demands; rejects with a StartFailure. */
export async function confirm(run: Run, ask: Omit<LaunchAsk, 'env'>): Promise<void> {
  // A container may have been started a moment ago, by whoever started us, and be loading still.
  const mayLoad = ask.config.launcher.kind === 'docker'
  const config = mayLoad ? ask.config : { ...ask.config, startTimeoutMs: CONFIRM_MS }
  const start = async () => run
  const launcher = { kind: 'process', commandHash: undefined, start, adopt: start } as const
  await launchOnce(launcher, { ...ask, config, env: {} }, { own: () => {} })
}

async function becomeReady(launcher: Launcher, run: Run, ask: LaunchAsk): Promise<void> {
  const probe = {
    dialect: ask.dialect,
    serves: ask.config.serves,
    basePath: ask.config.address.basePath,
    signal: ask.giveUp,
  }
  if (launcher.kind !== 'external') return waitUntilReady(run, probe)
  const readiness = await probeOnce(run.origin, probe)
  if (readiness.is === 'ready') return
  const why = readiness.is === 'wrong' ? readiness.because : 'it does not answer'
  throw new StartFailure(`${why}, and it is not started by Gatehouse`, {
    cause: new Error(readiness.because),
  })
}

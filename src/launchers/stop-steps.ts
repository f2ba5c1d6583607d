import type { StopRecipe } from './launcher.js'

/** One step of ending a process and all that came of it: what is done, and how long to wait for its effect. */
export interface StopStep {
  readonly how: NodeJS.Signals | 'taskkill' | 'taskkill /F'
  readonly waitMs: number
}

/** How long the system may take to end what it was told to kill; beyond that it is said and left. */
const LAST_WAIT_MS = 5_000

/**
 * The steps for a platform. POSIX: the recipe's signals to the process group. Windows has no such signals:
 * `taskkill /T` asks the whole tree, then `/F` ends it.
 */
export function stopSteps(platform: NodeJS.Platform, recipe: StopRecipe): StopStep[] {
  if (platform === 'win32') {
    return [
      { how: 'taskkill', waitMs: recipe.timeoutMs },
      { how: 'taskkill /F', waitMs: LAST_WAIT_MS },
    ]
  }
  const polite = recipe.signals.filter((signal) => signal !== 'SIGKILL')
  const waitMs = recipe.timeoutMs / Math.max(polite.length, 1)
  const steps: StopStep[] = polite.map((how) => ({ how, waitMs }))
  return [...steps, { how: 'SIGKILL', waitMs: LAST_WAIT_MS }]
}

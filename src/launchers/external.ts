import type { Exit, Launcher, Run } from './launcher.js'

/** A backend that somebody else starts and stops; it is only routed to. */
export function createExternalLauncher(origin: string): Launcher {
  return {
    kind: 'external',
    commandHash: undefined,
    start: async () => createRun(origin),
    adopt: async () => undefined,
  }
}

function createRun(origin: string): Run {
  return {
    origin,
    pid: undefined,
    exited: new Promise<Exit>(() => {}),
    stop: async () => {},
    kill: () => {},
    release: () => {},
    progress: async () => ({ outputBytes: 0, memoryBytes: 0 }),
    lastOutput: async () => [],
  }
}

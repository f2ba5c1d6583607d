/** The states of a backend; docs/design.md, "A backend's life". */
export const STATES = ['stopped', 'queued', 'starting', 'ready', 'stopping', 'failed'] as const
export type State = (typeof STATES)[number]

/** Every legal move. `queued` waits for memory to be granted; `failed` is left by the next ask. */
export const NEXT: Readonly<Record<State, readonly State[]>> = {
  stopped: ['queued'],
  queued: ['starting', 'stopping', 'failed'],
  starting: ['ready', 'stopping', 'failed'],
  ready: ['stopping', 'failed'],
  stopping: ['stopped', 'failed'],
  failed: ['queued'],
}

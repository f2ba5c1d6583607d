import { identityOf } from './process-identity.js'
import type { StateFile } from './state-file.js'

/**
 * Makes a gateway the keeper of a state file. Rejects while another gateway that keeps it lives: the two would take
 * each other's backends for leftovers.
 */
export async function claimStateFile(
  state: StateFile,
  pid: number,
  platform: NodeJS.Platform,
): Promise<void> {
  const keeper = state.gateway
  if (
    keeper &&
    keeper.pid !== pid &&
    (await identityOf(keeper.pid, platform)) === keeper.identity
  ) {
    throw new Error(
      `another gateway (process ${keeper.pid}) runs with this configuration; ` +
        'stop it, or give this one a folder of its own with --state-dir',
    )
  }
  const identity = await identityOf(pid, platform)
  if (identity !== undefined) state.claim({ pid, identity })
}

import { createHash } from 'node:crypto'
import { basename, join } from 'node:path'

/**
 * The user's folder for state, by the customs of the platform (XDG; AppData on Windows), with a folder of its own
 * for each configuration, so that two gateways of one user do not share logs.
 */
export function defaultStateDir(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
  configFile: string,
): string {
  const hash = createHash('sha256').update(configFile).digest('hex').slice(0, 8)
  const name = basename(configFile).replace(/\.[^.]*$/, '')
  return join(stateHome(platform, env), 'gatehouse', `${name}-${hash}`)
}

function stateHome(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (platform === 'win32') {
    return env.LOCALAPPDATA ?? join(env.USERPROFILE ?? '.', 'AppData', 'Local')
  }
  if (env.XDG_STATE_HOME) return env.XDG_STATE_HOME
  const home = env.HOME ?? '.'
  return platform === 'darwin'
    ? join(home, 'Library', 'Application Support')
    : join(home, '.local', 'state')
}

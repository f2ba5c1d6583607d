import { loadConfig } from '../config/load.js'
import { describeRoutes } from '../routing/describe-routes.js'
import { layOut } from './table.js'

type Environment = Readonly<Record<string, string | undefined>>

/** What `gatehouse check` prints. Throws a ConfigError. */
export function checkText(configFile: string, env: Environment): string {
  const { backends, routes } = loadConfig(configFile, env)
  const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`
  const counts = `${count(backends.length, 'backend')}, ${count(routes.length, 'route')} of your own`
  return `${configFile} is valid: ${counts}.\n`
}

/** What `gatehouse routes` prints. Throws a ConfigError. */
export function routesText(configFile: string, env: Environment): string {
  return `${layOut(describeRoutes(loadConfig(configFile, env))).join('\n')}\n`
}

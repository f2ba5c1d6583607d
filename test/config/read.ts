import type { Config } from '../../src/config/config.js'
import { ConfigError, type Fault } from '../../src/config/config-error.js'
import { parseConfig } from '../../src/config/load.js'

export const FILE = '/srv/gatehouse/routes.json'

/** The Config of a file with this content; anything but a text is written as JSON. */
export function configOf(content: unknown, env: Record<string, string> = {}): Config {
  return parseConfig(textOf(content), { file: FILE, env })
}

/** The faults of a file with this content; none for a sound one. */
export function faultsOf(content: unknown, env: Record<string, string> = {}): readonly Fault[] {
  try {
    parseConfig(textOf(content), { file: 'routes.json', env })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

/** The faults as `path: expected`. */
export function complaintsOf(content: unknown, env: Record<string, string> = {}): string[] {
  return faultsOf(content, env).map(({ path, expected }) => `${path}: ${expected}`)
}

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content)
}

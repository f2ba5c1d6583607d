import type { BackendConfig } from '../../src/config/config.js'
import { parseConfig } from '../../src/config/load.js'
import { type FaceFacts, faceFacts } from '../../src/front/facts.js'

/** What backends said, by their name and then by path. */
export type Said = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** The facts of a configuration with these backends, of which this was heard. */
export function factsOf(
  backends: Readonly<Record<string, object>>,
  said: Said = {},
  chosen?: string,
): FaceFacts {
  const source = { file: '/nowhere/routes.json', env: {} }
  const config = parseConfig(JSON.stringify({ backends }), source)
  return faceFacts(config, {
    said: ({ name }: BackendConfig, path) => said[name]?.[path],
    defaultOf: () => chosen,
  })
}

/** A backend that nobody dials. */
export function kobold(...serves: string[]) {
  return { serves, url: 'http://127.0.0.1:1' }
}

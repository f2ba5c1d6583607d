import { readFileSync } from 'node:fs'
import { Ajv, type CodeOptions, type ValidateFunction } from 'ajv'
import { FORMATS } from './formats.js'
import type { Settings } from './schema.js'

/** Fills in the defaults, and leaves behind in `errors` what is wrong. The build puts its finished code here. */
export const isSettings: ValidateFunction<Settings> = createAjv().compile<Settings>(readSchema())

/** How routes.json is checked. */
export function createAjv(code: CodeOptions = {}): Ajv {
  const ajv = new Ajv({ strict: true, allErrors: true, useDefaults: true, verbose: true, code })
  for (const [name, isValid] of Object.entries(FORMATS)) ajv.addFormat(name, isValid)
  return ajv
}

/** Made from schema.ts by `npm run docs`. */
export function readSchema(): object {
  return JSON.parse(readFileSync(new URL('./schema.json', import.meta.url), 'utf8'))
}

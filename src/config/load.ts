import { readFileSync } from 'node:fs'
import { crossCheck } from './check.js'
import type { Config } from './config.js'
import { ConfigError, type Fault } from './config-error.js'
import { deepFreeze } from './deep-freeze.js'
import { normalise } from './normalise.js'
import { readValues } from './read-values.js'
import { Report } from './report.js'
import { checkShape } from './shape.js'
import { parseDocument } from './syntax.js'
import type { Environment } from './variables.js'

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'a folder',
  EACCES: 'a file that may not be read (no permission)',
  EPERM: 'a file that may not be read (no permission)',
}

export interface Source {
  /** The name by which faults call the file; relative paths in it are resolved against its folder. */
  readonly file: string
  /** Where `${env:NAME}` is looked up. */
  readonly env: Environment
}

/** Reads a routes.json. Throws a ConfigError with everything that is wrong, or nothing at all. */
export function loadConfig(file: string, env: Environment): Config {
  return parseConfig(read(file), { file, env })
}

/** The Config in a text. Throws a ConfigError with everything that is wrong, or nothing at all. */
export function parseConfig(text: string, { file, env }: Source): Config {
  const document = parseDocument(text, file)
  const report = new Report(file, document)
  const settings = checkShape(readValues(document, env, report), report)
  if (settings !== undefined) crossCheck(settings, report)
  if (settings === undefined || report.faults.length > 0) throw new ConfigError(report.faults)
  const deviceNames = document.keysAt(['devices'])
  const backendNames = document.keysAt(['backends'])
  return deepFreeze(
    normalise(settings, { file, deviceNames, backendNames, secrets: [...report.secrets] }),
  )
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError([unreadable(file, cause)], { cause })
  }
}

function unreadable(file: string, cause: unknown): Fault {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return {
    file,
    line: 1,
    column: 1,
    path: '',
    found: UNREADABLE[code] ?? `a file that cannot be read (${code})`,
    expected: 'a routes.json',
    hint: 'check the path, or begin with one of the files in examples/',
  }
}

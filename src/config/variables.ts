import { suggestion } from './nearest.js'
import type { Path } from './path.js'
import type { Report } from './report.js'

/** Variables in the strings of a `process` that are known only at a start; the launcher fills them in. */
const LAUNCHER_VARIABLES = ['port', 'node', 'gatehouse']

const VARIABLE = /\$?\$\{([^}]*)\}/g

export type Environment = Readonly<Record<string, string | undefined>>

interface At {
  readonly path: Path
  readonly env: Environment
  readonly report: Report
}

/**
 * Replaces `${env:NAME}` by the variable's value and `$${...}` by the literal `${...}`.
 * What cannot be replaced is reported and left as it is.
 */
export function fillIn(text: string, at: At): string {
  const later = laterVariables(at.path)
  return text.replace(VARIABLE, (written: string, name: string) => {
    const isEscaped = written.startsWith('$$')
    if (isEscaped !== later.includes(name)) return isEscaped ? written.slice(1) : written
    if (!isEscaped && name.startsWith('env:')) return fromEnvironment(written, name.slice(4), at)
    at.report.fault({ path: at.path, ...unknownVariable(written, name, later) })
    return written
  })
}

function fromEnvironment(written: string, variable: string, { path, env, report }: At): string {
  const value = Object.hasOwn(env, variable) ? env[variable] : undefined
  if (value === undefined) report.fault({ path, ...unsetVariable(variable) })
  else report.secrets.add(value)
  return value ?? written
}

function laterVariables([section, , part, field]: Path): readonly string[] {
  const isLaunched = section === 'backends' && part === 'process' && field !== 'cwd'
  return isLaunched ? LAUNCHER_VARIABLES : []
}

function unsetVariable(variable: string) {
  return {
    expected: `the environment variable ${variable} to be set`,
    hint: 'set it before the gateway starts, or write the value here',
  }
}

function unknownVariable(written: string, name: string, later: readonly string[]) {
  const known = [...later, 'env:NAME'].map((variable) => `\${${variable}}`).join(', ')
  if (written.startsWith('$$')) {
    const expected = `\${${name}}, as this one cannot be written literally`
    return { expected }
  }
  const hint = suggestion(name, later) ?? `write $${written} for the text ${written} itself`
  return { expected: `no variables but ${known}`, hint }
}

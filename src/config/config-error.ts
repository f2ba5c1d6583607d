/** One thing that is wrong with a routes.json. Nothing in it was taken from the environment. */
export interface Fault {
  /** As the caller named it. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** Like `backends.text.memory.gpu0` or `routes[2].to`; empty: the file as a whole. */
  readonly path: string
  readonly found: string
  readonly expected: string
  readonly hint?: string
}

/** A routes.json that cannot be used; says everything that is wrong with it, in the file's order. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'GATEHOUSE_CONFIG'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[], options?: ErrorOptions) {
    const sorted = faults.toSorted((a, b) => a.line - b.line || a.column - b.column)
    super(sorted.map(formatFault).join('\n'), options)
    this.faults = sorted
  }
}

function formatFault({ file, line, column, path, found, expected, hint }: Fault): string {
  const subject = path === '' ? '' : `${path}: `
  const advice = hint === undefined ? '' : `\n    hint: ${hint}`
  return `${file}:${line}:${column}  ${subject}found ${found}, expected ${expected}${advice}`
}

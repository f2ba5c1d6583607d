import type { Row } from '../../src/routing/row.js'
import { TABLE } from '../../src/routing/table.js'

const BEGIN =
  '<!-- Generated from src/routing/table.ts by "npx tsx test/docs/write-routing.ts". -->'
const END = '<!-- End of the generated part. -->'

/** docs/routing.md with its table made anew; `current` is the file as it is. */
export function renderRouting(current: string): string {
  const [before = ''] = current.split(BEGIN)
  const [, after = ''] = current.split(END)
  const table = [...HEAD, ...TABLE.map(renderRow)].join('\n')
  return `${before}${BEGIN}\n\n${table}\n\n${END}${after}`
}

const HEAD = [
  '| method | path | goes to | starts it | waits | errors as | about |',
  '| --- | --- | --- | --- | --- | --- | --- |',
]

function renderRow(row: Row): string {
  const methods = row.methods.length === 0 ? 'any' : row.methods.join(', ')
  const patterns = row.patterns.map((pattern) => `\`${pattern}\``).join(' ')
  const paths = row.upgrade ? `${patterns} (WebSocket)` : patterns
  const cells = [methods, paths, targetOf(row), wakeOf(row), laneOf(row), row.caller, row.about]
  return `| ${cells.join(' | ')} |`
}

function targetOf({ to }: Row): string {
  if (to.gateway !== undefined) return `gateway, about ${to.of}`
  return to.otherwise === undefined ? to.workload : `${to.workload}, else ${to.otherwise}`
}

function wakeOf({ to, wake }: Row): string {
  if (to.gateway !== undefined) return '-'
  return wake ? 'yes' : 'no'
}

function laneOf({ lane, idleOnly }: Row): string {
  if (idleOnly) return 'only if idle'
  return lane ? 'yes' : 'no'
}

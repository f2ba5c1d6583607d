import type { BackendStatus } from '../backends/backend.js'
import type { BackendConfig, Config } from '../config/config.js'
import { layOut } from './table.js'

export interface Door {
  readonly url: string
  readonly version: string
  readonly statuses: readonly BackendStatus[]
}

/** What a person sees first: the address to paste, and what is behind it. */
export function banner(config: Config, door: Door): string {
  const { url, version, statuses } = door
  const rows = config.backends.map((backend) => [
    backend.name,
    backend.serves.join(', ') || 'routes only',
    statuses.find(({ name }) => name === backend.name)?.state ?? 'stopped',
    howItStarts(backend),
  ])
  const table = layOut([['backend', 'workloads', 'state', 'how it starts'], ...rows])
  return [
    '',
    `  Gatehouse ${version} is open at ${url}`,
    '',
    `  SillyTavern: API "Text Completion", type "KoboldCpp", URL ${url}`,
    `  Metrics:     ${url}/metrics`,
    '',
    ...table.map((line) => `  ${line}`),
    '',
    '  Ctrl-C stops the gateway and its backends.',
    '',
    '',
  ].join('\n')
}

function howItStarts({ launcher, keepLoaded }: BackendConfig): string {
  if (launcher.kind === 'external') return 'by somebody else; only routed to'
  return keepLoaded ? 'now, and kept loaded' : 'at its first request'
}

import type { BackendConfig, Config } from '../config/config.js'
import { layOut } from './table.js'

/** What a person sees first: the address to paste, and what is behind it. */
export function banner(config: Config, url: string, version: string): string {
  const rows = config.backends.map((backend) => [
    backend.name,
    backend.serves.join(', ') || 'routes only',
    'stopped',
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

import type { BackendConfig } from '../config/config.js'
import { createExternalLauncher } from './external.js'
import type { Host } from './host.js'
import type { Launcher } from './launcher.js'
import type { Ports } from './ports.js'
import { ProcessLauncher } from './process.js'

export function createLauncher(config: BackendConfig, host: Host, ports: Ports): Launcher {
  const { name, address, launcher } = config
  if (launcher.kind === 'process') {
    return new ProcessLauncher({ name, address, command: launcher }, host, ports)
  }
  return createExternalLauncher(`${address.protocol}//${address.host}:${address.port}`)
}

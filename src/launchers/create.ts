import type { BackendConfig } from '../config/config.js'
import { DockerLauncher } from './docker.js'
import { createExternalLauncher } from './external.js'
import type { Launcher } from './launcher.js'
import { type LauncherParts, ProcessLauncher } from './process.js'

export function createLauncher(config: BackendConfig, parts: LauncherParts): Launcher {
  const { name, address, launcher } = config
  if (launcher.kind === 'process') {
    return new ProcessLauncher({ name, address, command: launcher }, parts)
  }
  if (launcher.kind === 'docker') {
    return new DockerLauncher({ name, address, container: launcher.container }, parts.host)
  }
  return createExternalLauncher(`${address.protocol}//${address.host}:${address.port}`)
}

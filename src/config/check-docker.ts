import type { BackendSettings } from './backend-schema.js'
import { ANY_GPU } from './config.js'
import type { DockerSettings } from './docker-schema.js'
import { memoryByDevice } from './memory-by-device.js'
import type { Path } from './path.js'
import type { Report } from './report.js'
import type { Settings } from './schema.js'

/** A backend in a container is started in this one way only, says which container, and where that listens. */
export function checkDocker({ backends, devices }: Settings, report: Report): void {
  for (const [name, backend] of Object.entries(backends)) {
    if (backend.docker === undefined) continue
    const path = ['backends', name]
    checkOnlyWay(backend, path, report)
    checkChoice(backend.docker, [...path, 'docker'], report)
    const memory = memoryByDevice(backend.memory, Object.keys(devices))
    if (ANY_GPU in memory) {
      const hint = 'which card a container is given is said where it is made'
      report.fault({ path: [...path, 'memory'], expected: 'each card by its name', hint })
    }
  }
}

function checkOnlyWay({ url, process }: BackendSettings, path: Path, report: Report): void {
  if (process !== undefined) {
    report.fault({ path: [...path, 'docker'], expected: 'either "process" or "docker"' })
  } else if (url === undefined && !report.isFaulty([...path, 'url'])) {
    const expected = 'where the container listens, such as "http://text:5001"'
    report.fault({ path: [...path, 'url'], expected })
  }
}

function checkChoice(
  { container, service, project }: DockerSettings,
  path: Path,
  report: Report,
): void {
  const isIncomplete = ['container', 'service'].some((key) => report.isFaulty([...path, key]))
  if (isIncomplete) return
  if ((container === undefined) === (service === undefined)) {
    report.fault({ path, expected: 'either a "container" or a "service"' })
  } else if (project !== undefined && service === undefined) {
    report.fault({ path: [...path, 'project'], expected: 'a "service" beside it' })
  }
}

import { checkAddresses } from './check-addresses.js'
import { checkDocker } from './check-docker.js'
import { checkMemory } from './check-memory.js'
import { checkModels } from './check-models.js'
import { checkNames } from './check-names.js'
import { checkRoutes } from './check-routes.js'
import { checkStarts } from './check-starts.js'
import type { Report } from './report.js'
import type { Settings } from './schema.js'

/** Reports what no single place shows: names that do not resolve, ports used twice, memory short. */
export function crossCheck(settings: Settings, report: Report): void {
  checkAddresses(settings, report)
  checkDocker(settings, report)
  checkMemory(settings, report)
  checkRoutes(settings, report)
  checkNames(settings, report)
  checkModels(settings, report)
  checkStarts(settings, report)
}

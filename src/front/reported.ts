import type { Workload } from '../config/config.js'
import type { ReportedModels } from '../routing/model-names.js'
import type { FaceFacts, KnownBackend } from './facts.js'
import { listOf, objectOf, textOf } from './read.js'

/** The names that models have for the backends that serve them, as those said last. */
export function reportedModels(facts: FaceFacts): ReportedModels {
  return (workload, model) =>
    facts.serving(workload).find((known) => namesAt(known, workload).has(model))?.config.name
}

function namesAt({ said }: KnownBackend, workload: Workload): ReadonlySet<string> {
  if (workload !== 'text' && workload !== 'image') return new Set()
  const listed =
    workload === 'text'
      ? listOf(objectOf(said('/v1/models')).data).map((entry) => textOf(entry, 'id'))
      : listOf(said('/sdapi/v1/sd-models')).flatMap((entry) => [
          textOf(entry, 'title'),
          textOf(entry, 'model_name'),
        ])
  const own = workload === 'text' ? textOf(said('/api/v1/model'), 'result') : undefined
  const names = [own, ...listed].flatMap((name) => name ?? [])
  return new Set(names.flatMap((name) => [name, name.replace(/^koboldcpp\//, '')]))
}

import type { BackendConfig, Workload } from '../config/config.js'
import type { Defaults } from './defaults.js'
import type { Match } from './match.js'
import { type ModelNames, modelNames, type ReportedModels } from './model-names.js'
import type { Row, RowTarget } from './row.js'

/** Which backend a request goes to, and as what; `backend` undefined: nobody serves that workload. */
export interface PickResult {
  readonly backend: string | undefined
  /** The workload asked for, or the one that stands in for it; undefined: the backend serves none. */
  readonly workload: Workload | undefined
}

/** Chooses among the configured backends; knows nothing of their state. */
export interface Picker {
  /** Never throws. An unknown model is no failure: the default backend of the workload takes it. */
  pick(match: Match, model?: string): PickResult
  /** Does more than one backend serve this, so that the request's `model` chooses? */
  needsModel(match: Match): boolean
}

/** Those who serve one workload. */
interface Servers {
  readonly workload: Workload
  readonly first: PickResult
  readonly byName: ReadonlyMap<string, PickResult>
  readonly models: ModelNames
}

/** What is known of the backends while they run, and changes. */
export interface PickParts {
  /** Left out: the first of the file is always the default. */
  readonly defaults?: Defaults
  /** Left out: nobody reports names. */
  readonly reported?: ReportedModels
}

/** Of one backend, by what the call is about; undefined: something that it does not serve. */
type ResultsOf = ReadonlyMap<Workload | undefined, PickResult>

// Cannot be asked for: a checked configuration names only backends that it has.
const NO_SUCH_BACKEND: PickResult = Object.freeze({ backend: undefined, workload: undefined })

/** Prepares the choice; among equals the earlier in the file wins. */
export function createPicker(
  backends: readonly BackendConfig[],
  { defaults, reported = () => undefined }: PickParts = {},
): Picker {
  const servers = serversByWorkload(backends, reported)
  const named = new Map(backends.map((backend) => [backend.name, resultsOf(backend)]))
  return {
    pick({ to, row }, model) {
      if (to.backend !== undefined) return namedResult(named.get(to.backend), row)
      const those = serversFor(to, servers)
      return askedFor(those, model) ?? chosen(those, defaults) ?? those.first
    },
    needsModel({ to }) {
      return to.backend === undefined && serversFor(to, servers).byName.size > 1
    },
  }
}

/** Where there is no choice, names are not looked at; an empty one asks for nothing. */
function askedFor({ byName, models }: Servers, model: string | undefined): PickResult | undefined {
  if (model === undefined || model === '' || byName.size < 2) return undefined
  return byName.get(models.find(model) ?? '')
}

function chosen({ byName, workload }: Servers, defaults?: Defaults): PickResult | undefined {
  return byName.get(defaults?.chosen(workload) ?? '')
}

function serversFor(to: RowTarget, servers: Readonly<Record<Workload, Servers>>): Servers {
  const those = servers[workloadOf(to)]
  if (those.byName.size > 0 || to.otherwise === undefined) return those
  const others = servers[to.otherwise]
  return others.byName.size > 0 ? others : those
}

// What the gateway answers itself is picked as the work that it is about, for when it has to ask.
function workloadOf(to: RowTarget): Workload {
  if (to.gateway === undefined) return to.workload
  return to.of === 'all' ? 'text' : to.of
}

function serversByWorkload(
  backends: readonly BackendConfig[],
  reported: ReportedModels,
): Record<Workload, Servers> {
  const of = (workload: Workload) => serversOf(workload, backends, reported)
  return {
    text: of('text'),
    image: of('image'),
    transcribe: of('transcribe'),
    speech: of('speech'),
    embeddings: of('embeddings'),
    music: of('music'),
  }
}

function serversOf(
  workload: Workload,
  backends: readonly BackendConfig[],
  reported: ReportedModels,
): Servers {
  const serving = backends.filter(({ serves }) => serves.includes(workload))
  const byName = new Map(
    serving.map(({ name }) => [name, Object.freeze({ backend: name, workload })] as const),
  )
  const [first = Object.freeze({ backend: undefined, workload })] = byName.values()
  const models = modelNames(serving, (model) => reported(workload, model))
  return { workload, first, byName, models }
}

function resultsOf({ name, serves }: BackendConfig): ResultsOf {
  return new Map(
    [undefined, ...serves].map((workload) => [
      workload,
      Object.freeze({ backend: name, workload: workload ?? serves[0] }),
    ]),
  )
}

// Counted as what the call is about, where the backend serves that.
function namedResult(results: ResultsOf | undefined, row: Row): PickResult {
  return results?.get(workloadOf(row.to)) ?? results?.get(undefined) ?? NO_SUCH_BACKEND
}

import type { BackendConfig, Workload } from '../config/config.js'
import type { Match } from './match.js'
import type { Row, RowTarget } from './row.js'

/** Which backend a request goes to, and as what; `backend` undefined: nobody serves that workload. */
export interface PickResult {
  readonly backend: string | undefined
  /** The workload asked for, or the one that stands in for it; undefined: the backend serves none. */
  readonly workload: Workload | undefined
}

/** Chooses among the configured backends; knows nothing of their state. */
export interface Picker {
  /** Never throws. An unknown model is no failure: the first backend of the workload takes it. */
  pick(match: Match, model?: string): PickResult
  /** Does more than one backend serve this, so that the body's `model` chooses? */
  needsModel(match: Match): boolean
}

/** Those who serve one workload. */
interface Servers {
  readonly first: PickResult
  readonly byModel: ReadonlyMap<string, PickResult>
  readonly count: number
}

/** Of one backend, by what the call is about; undefined: something that it does not serve. */
type ResultsOf = ReadonlyMap<Workload | undefined, PickResult>

// Cannot be asked for: a checked configuration names only backends that it has.
const NO_SUCH_BACKEND: PickResult = Object.freeze({ backend: undefined, workload: undefined })

/** Prepares the choice; among equals the earlier in the file wins. */
export function createPicker(backends: readonly BackendConfig[]): Picker {
  const servers = serversByWorkload(backends)
  const named = new Map(backends.map((backend) => [backend.name, resultsOf(backend)]))
  return {
    pick({ to, row }, model) {
      if (to.backend !== undefined) return namedResult(named.get(to.backend), row)
      const those = serversFor(to, servers)
      return (model === undefined ? undefined : those.byModel.get(model)) ?? those.first
    },
    needsModel({ to }) {
      return to.backend === undefined && serversFor(to, servers).count > 1
    },
  }
}

function serversFor(to: RowTarget, servers: Readonly<Record<Workload, Servers>>): Servers {
  const those = servers[workloadOf(to)]
  if (those.count > 0 || to.otherwise === undefined) return those
  const others = servers[to.otherwise]
  return others.count > 0 ? others : those
}

// What the gateway answers itself is picked as the work that it is about, for when it has to ask.
function workloadOf(to: RowTarget): Workload {
  if (to.gateway === undefined) return to.workload
  return to.of === 'all' ? 'text' : to.of
}

function serversByWorkload(backends: readonly BackendConfig[]): Record<Workload, Servers> {
  return {
    text: serversOf('text', backends),
    image: serversOf('image', backends),
    transcribe: serversOf('transcribe', backends),
    speech: serversOf('speech', backends),
    embeddings: serversOf('embeddings', backends),
    music: serversOf('music', backends),
  }
}

function serversOf(workload: Workload, backends: readonly BackendConfig[]): Servers {
  const serving = backends.filter(({ serves }) => serves.includes(workload))
  const results = serving.map(({ name }) => Object.freeze({ backend: name, workload }))
  const nobody = Object.freeze({ backend: undefined, workload })
  return { first: results[0] ?? nobody, byModel: byModel(results), count: results.length }
}

// The names under which clients know a backend: its own, and as Kobold and Ollama lists write it.
function byModel(results: readonly PickResult[]): ReadonlyMap<string, PickResult> {
  const exact = results.map((result) => [`${result.backend}`, result] as const)
  const aliases = exact.flatMap(([name, result]) => [
    [`koboldcpp/${name}:latest`, result] as const,
    [`${name}:latest`, result] as const,
    [`koboldcpp/${name}`, result] as const,
  ])
  return new Map([...aliases, ...exact])
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

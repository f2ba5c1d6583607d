import type { BackendConfig, Workload } from '../config/config.js'
import { type Glob, matchesGlob, parseGlob } from './glob.js'

/**
 * Which backend's own model is called so, as the backend itself reports it; undefined: nobody's. Asked for each
 * request, so it answers from memory.
 */
export type ReportedModels = (workload: Workload, model: string) => string | undefined

/** The names under which requests ask for the backends of one workload. */
export interface ModelNames {
  /** The backend that is asked for; undefined: the name is unknown. */
  find(model: string): string | undefined
}

/**
 * Prepares the names of backends that serve one workload, in the order of the file. A name is looked for as it is
 * written, then without Kobold's and Ollama's additions; within each, a backend's own name comes before an alias,
 * and that before the name that its model reports. Globs come last, the first of the file first.
 */
export function modelNames(
  serving: readonly BackendConfig[],
  reported: (model: string) => string | undefined,
): ModelNames {
  const own = new Set(serving.map(({ name }) => name))
  const aliases = aliasesOf(serving)
  const globs = globsOf(serving)
  const exactly = (model: string) => {
    if (own.has(model)) return model
    const known = aliases.get(model) ?? reported(model)
    return known !== undefined && own.has(known) ? known : undefined
  }
  return {
    find(model) {
      const spellings = spellingsOf(model)
      for (const spelling of spellings) {
        const found = exactly(spelling)
        if (found !== undefined) return found
      }
      return globs.find(({ glob }) => spellings.some((each) => matchesGlob(glob, each)))?.name
    },
  }
}

/** Kobold's lists write `koboldcpp/` in front of a name, and Ollama's `:latest` behind it. */
function spellingsOf(model: string): readonly string[] {
  const front = model.replace(/^koboldcpp\//, '')
  const back = model.replace(/:latest$/, '')
  return [...new Set([model, front, back, front.replace(/:latest$/, '')])]
}

/** Of two that list the same alias, which a checked configuration has not, the first has it. */
function aliasesOf(serving: readonly BackendConfig[]): ReadonlyMap<string, string> {
  const listed = serving.flatMap(({ name, models }) =>
    models.map((model) => [model, name] as const),
  )
  return new Map(listed.filter(([model]) => !model.includes('*')).reverse())
}

function globsOf(serving: readonly BackendConfig[]): readonly { glob: Glob; name: string }[] {
  return serving.flatMap(({ name, models }) =>
    models
      .filter((model) => model.includes('*'))
      .map((model) => ({ glob: parseGlob(model), name })),
  )
}

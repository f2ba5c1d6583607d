import type { BackendConfig, Config, Workload } from '../config/config.js'

/** A configured backend with its last good answers. */
export interface KnownBackend {
  readonly config: BackendConfig
  /** What it last said at this path, as parsed JSON; undefined: it never did. */
  said(path: string): unknown
}

/** What the gateway knows of all its backends together; nothing here asks any of them. */
export interface FaceFacts {
  serves(workload: Workload): boolean
  /** Who serves a workload, the default one first. */
  serving(workload: Workload): readonly KnownBackend[]
  /** The names of the text backends, the default one first. */
  readonly textModels: readonly string[]
  /** The names of the image backends, the default one first. */
  readonly imageModels: readonly string[]
  /** Whether the administration of KoboldAI Lite is served: 0 no, 1 yes, 2 with a password. */
  admin(): 0 | 1 | 2
}

/** What may change while a configuration is in force. */
export interface FactParts {
  said(backend: BackendConfig, path: string): unknown
  /** Who is the default for a workload now, by name; undefined: the first in the file. */
  defaultOf?(workload: Workload): string | undefined
  admin?(): 0 | 1 | 2
}

export function faceFacts(config: Config, parts: FactParts): FaceFacts {
  const known = config.backends.map((backend) => ({
    config: backend,
    said: (path: string) => parts.said(backend, path),
  }))
  const serving = (workload: Workload) => {
    const those = known.filter(({ config: { serves } }) => serves.includes(workload))
    const first = parts.defaultOf?.(workload)
    return those.sort((a, b) => Number(b.config.name === first) - Number(a.config.name === first))
  }
  const names = (workload: Workload) => serving(workload).map(({ config: { name } }) => name)
  return {
    serves: (workload) => known.some(({ config: { serves } }) => serves.includes(workload)),
    serving,
    get textModels() {
      return names('text')
    },
    get imageModels() {
      return names('image')
    },
    admin: () => parts.admin?.() ?? 0,
  }
}

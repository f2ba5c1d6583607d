/** A call that may be passed on to the engine: of the query only what its kind knows. */
export type Allowed =
  | { readonly kind: 'ping' }
  | { readonly kind: 'list'; readonly version: string; readonly query: URLSearchParams }
  | {
      readonly kind: 'container'
      readonly version: string
      readonly container: string
      readonly verb: 'json' | 'start' | 'stop' | 'logs'
      readonly query: URLSearchParams
    }

/** A label that a container must have; without a value, whatever its value is. */
export interface Label {
  readonly name: string
  readonly value: string | undefined
}

/** Everything that is let through, with the parameters that go along. */
const VERBS = {
  'GET json': [],
  'POST start': [],
  'POST stop': ['t', 'signal'],
  'GET logs': ['follow', 'stdout', 'stderr', 'since', 'until', 'timestamps', 'tail'],
} as const satisfies Readonly<Record<string, readonly string[]>>

/** Unescaped characters only: what needs an escape names no container. */
const TARGET = /^(\/v\d+\.\d+)?\/([A-Za-z0-9_./-]+)(?:\?(.*))?$/
const CONTAINER = /^containers\/([A-Za-z0-9][A-Za-z0-9_.-]*)\/(\w+)$/

/** What a request line asks for; undefined: it is not to reach the engine. */
export function judge(method: string, target: string, label: Label): Allowed | undefined {
  const [, version = '', path = '', text = ''] = TARGET.exec(target) ?? []
  const given = new URLSearchParams(text)
  if (path === '_ping') return isLook(method) ? { kind: 'ping' } : undefined
  if (path === 'containers/json' && method === 'GET') {
    const query = listQuery(given, label)
    return query && { kind: 'list', version, query }
  }
  const [, container, verb] = CONTAINER.exec(path) ?? []
  if (container === undefined || !isVerb(`${method} ${verb}`)) return undefined
  const query = only(VERBS[`${method} ${verb}` as keyof typeof VERBS], given)
  return { kind: 'container', version, container, verb: verb as 'json', query }
}

function isLook(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

function isVerb(call: string): boolean {
  return Object.hasOwn(VERBS, call)
}

function only(names: readonly string[], given: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...given].filter(([name]) => names.includes(name)))
}

/** The caller's own choice by labels, and ours besides: an engine shows what fulfils all of them. */
function listQuery(given: URLSearchParams, label: Label): URLSearchParams | undefined {
  const theirs = labelsIn(given.get('filters') ?? '{}')
  if (!theirs) return undefined
  const ours = label.value === undefined ? label.name : `${label.name}=${label.value}`
  const query = only(['all'], given)
  query.set('filters', JSON.stringify({ label: [...theirs, ours] }))
  return query
}

/** Clients send a list, or an object with the labels as keys. */
function labelsIn(filters: string): string[] | undefined {
  try {
    const { label = [] } = JSON.parse(filters)
    const labels: unknown[] = Array.isArray(label) ? label : Object.keys(label)
    return labels.map(String)
  } catch {
    return undefined
  }
}

/** Whether a container with these labels is one that the gateway may use. */
export function isLabelled(labels: unknown, { name, value }: Label): boolean {
  if (typeof labels !== 'object' || labels === null || !Object.hasOwn(labels, name)) return false
  return value === undefined || Reflect.get(labels, name) === value
}

import { schema } from '../src/config/schema.js'

/** Everything below this line of docs/configuration.md is generated; what is above is written by hand. */
export const MARKER =
  '<!-- Generated from src/config/schema.ts by "npm run docs": do not edit below. -->'

/** The parts of a JSON schema that the reference shows. */
interface SchemaNode {
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly items?: SchemaNode
  readonly required?: readonly string[]
}

interface Section {
  readonly path: string
  readonly node: SchemaNode
}

/** The schema that the gateway checks routes.json by, for src/config/schema.json. */
export function renderOwnSchema(): string {
  return `${JSON.stringify(schema)}\n`
}

/** The JSON schema for editors: what has a default may be left out, and formats of our own are left out. */
export function renderSchema(): string {
  const draft = 'http://json-schema.org/draft-07/schema#'
  const plain = { $schema: draft, ...schema, title: 'routes.json of Gatehouse' }
  return `${JSON.stringify(plain, forEditors, 2)}\n`
}

/** docs/configuration.md with its generated part made anew; `current` is the file as it is. */
export function renderConfiguration(current: string): string {
  const [written = ''] = current.split(MARKER)
  const node: SchemaNode = JSON.parse(renderSchema())
  const sections = sectionsOf({ path: '', node }).map(renderSection)
  return `${written.trimEnd()}\n\n${MARKER}\n\n## Reference\n\n${sections.join('\n')}`
}

function forEditors(key: string, value: unknown): unknown {
  if (key === 'format') return undefined
  if (!isNode(value) || value.required === undefined) return value
  const required = requiredKeys(value)
  return { ...value, required: required.length > 0 ? required : undefined }
}

function requiredKeys({ properties, required }: SchemaNode): string[] {
  return (required ?? []).filter((key) => properties?.[key]?.default === undefined)
}

/** The section of an object, then those of the objects in it. */
function sectionsOf(section: Section): Section[] {
  const inner = Object.entries(section.node.properties ?? {}).flatMap(([key, node]) => {
    const found = sectionIn(pathTo(section, key), node)
    return found ? sectionsOf(found) : []
  })
  return [section, ...inner]
}

/** The object that a field holds: itself, or one of many by name or in a list. */
function sectionIn(path: string, node: SchemaNode): Section | undefined {
  const byName = Object.values(node.patternProperties ?? {})[0]
  const candidates = [
    { path, node },
    { path: `${path}.NAME`, node: byName },
    { path: `${path}[]`, node: node.items },
  ]
  for (const { path, node } of candidates) if (node?.properties) return { path, node }
  return undefined
}

function renderSection({ path, node }: Section): string {
  const required = requiredKeys(node)
  const rows = Object.entries(node.properties ?? {}).map(([key, field]) => {
    const inner = sectionIn(pathTo({ path, node }, key), field)
    const link = inner ? `, see [${inner.path}](#${anchorOf(inner.path)})` : ''
    const type = `${field.title ?? ''}${link}`
    const cells = [`\`${key}\``, type, defaultOf(field, required.includes(key)), field.description]
    return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  })
  const head = ['| field | type | default | meaning |', '| --- | --- | --- | --- |']
  const title = path === '' ? 'The file' : path
  return `### ${title}\n\n${node.description}\n\n${[...head, ...rows].join('\n')}\n`
}

function defaultOf(field: SchemaNode, isRequired: boolean): string {
  if (isRequired) return 'required'
  return field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``
}

function pathTo({ path }: Section, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\w-]/g, '')
}

function isNode(value: unknown): value is SchemaNode {
  return typeof value === 'object' && value !== null && 'properties' in value
}

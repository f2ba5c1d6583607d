import type { Node } from 'jsonc-parser'
import { type Document, keyOf } from './document.js'
import type { Path } from './path.js'
import type { Report } from './report.js'
import { type Environment, fillIn } from './variables.js'

/**
 * The plain value of a document, variables filled in. Objects have no prototype, so that a key like
 * `__proto__` is a key and nothing else; of a repeated key the first is kept.
 */
export function readValues(document: Document, env: Environment, report: Report): unknown {
  return new ValueReader(env, report).read(document.root, [])
}

class ValueReader {
  readonly #env: Environment
  readonly #report: Report

  constructor(env: Environment, report: Report) {
    this.#env = env
    this.#report = report
  }

  read(node: Node, path: Path): unknown {
    if (node.type === 'object') return this.#readObject(node, path)
    if (node.type === 'array') return node.children?.map((item, i) => this.read(item, [...path, i]))
    if (node.type !== 'string') return node.value
    return fillIn(String(node.value), { path, env: this.#env, report: this.#report })
  }

  #readObject(node: Node, path: Path): Record<string, unknown> {
    const object: Record<string, unknown> = Object.create(null)
    for (const property of node.children ?? []) {
      const key = keyOf(property)
      const value = property.children?.[1]
      if (key in object) this.#report.repeatedKey([...path, key], property.offset)
      else if (value !== undefined) object[key] = this.read(value, [...path, key])
    }
    return object
  }
}

import { findNodeAtLocation, type Node } from 'jsonc-parser'
import type { Path } from './path.js'

const MAX_QUOTE = 40

export interface Place {
  readonly line: number
  readonly column: number
}

/** The text of a routes.json and its tree: says where things stand and how they are written. */
export class Document {
  readonly #text: string
  readonly #root: Node

  constructor(text: string, root: Node) {
    this.#text = text
    this.#root = root
  }

  get root(): Node {
    return this.#root
  }

  /** The keys of an object in the order of the file; empty if there is no object. */
  keysAt(path: Path): string[] {
    const node = this.#nodeAt(path)
    return node?.type === 'object' ? (node.children ?? []).map(keyOf) : []
  }

  /** Where a value begins; for one that is not there, what it is missing from. */
  placeOf(path: Path): Place {
    const node = this.#nodeAt(path)
    if (node === undefined) return this.placeOf(path.slice(0, -1))
    return placeAt(this.#text, node.offset)
  }

  placeOfKey(path: Path): Place {
    const property = this.#nodeAt(path)?.parent
    return property ? placeAt(this.#text, property.offset) : this.placeOf(path)
  }

  placeAt(offset: number): Place {
    return placeAt(this.#text, offset)
  }

  /** The value as it is written, shortened. It is never what `${env:NAME}` was replaced by. */
  quote(path: Path): string {
    const node = this.#nodeAt(path)
    if (node === undefined) return 'nothing'
    if (node.type === 'object') return 'an object'
    if (node.type === 'array') return 'a list'
    return shorten(this.#text.slice(node.offset, node.offset + node.length))
  }

  #nodeAt(path: Path): Node | undefined {
    return findNodeAtLocation(this.#root, [...path])
  }
}

/** Line and column, both from 1. */
export function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: offset - lineStart + 1 }
}

/** The key of a property, which is a pair of nodes. */
export function keyOf(property: Node): string {
  return String(property.children?.[0]?.value)
}

export function shorten(text: string): string {
  return text.length <= MAX_QUOTE ? text : `${text.slice(0, MAX_QUOTE - 1)}…`
}

import { Type } from 'typebox'
import { DURATION_TITLE, SIZE_OR_AUTO_TITLE, SIZE_TITLE } from './formats.js'
import { DURATION_PATTERN, SIZE_PATTERN } from './units.js'

/**
 * The kinds of value that routes.json is made of. `title` says what is expected, in the words that
 * a fault report, the reference and an editor show.
 */
export interface Said<Value> {
  readonly description: string
  readonly default?: Value
  /** The first stands in for a faulty value while the rest of the file is checked. */
  readonly examples?: Value[]
}

/** A name of a backend or a device, for use within a longer pattern. */
export const NAME_PATTERN = '[A-Za-z0-9][A-Za-z0-9_-]{0,62}'
const MEMORY_TITLE = '"auto" or an object of sizes by device'
const NETWORK_TITLE = 'an IP address or a block like "10.0.0.0/8"'

/** An object that knows all its keys. */
export const CLOSED = { additionalProperties: false, title: 'an object' }

/** A key that names a backend or a device. */
export const name = {
  type: 'string',
  pattern: `^${NAME_PATTERN}$`,
  title: 'a name of at most 63 letters, digits, "-" and "_" that begins with a letter or digit',
}

/** A key that names a header. */
export const headerName = {
  type: 'string',
  pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
  title: 'the name of an HTTP header',
}

/** A key that names an environment variable. */
export const variableName = {
  type: 'string',
  pattern: '^[^=\\u0000]+$',
  title: 'the name of an environment variable',
}

export function duration(said: Said<string>) {
  const text = Type.String({ pattern: DURATION_PATTERN, format: 'gatehouse-duration' })
  return Type.Union([text, Type.Literal(0)], { title: DURATION_TITLE, ...said })
}

export function size(said: Said<string>) {
  return Type.Union([sizeText(), sizeNumber()], { title: SIZE_TITLE, ...said })
}

export function sizeOrAuto(said: Said<string>) {
  const words = { title: SIZE_OR_AUTO_TITLE, examples: ['auto'], ...said }
  return Type.Union([Type.Literal('auto'), sizeText(), sizeNumber()], words)
}

export function fraction(said: Said<number>) {
  const words = { title: 'a number above 0 and at most 1', examples: [0.5], ...said }
  return Type.Number({ exclusiveMinimum: 0, maximum: 1, ...words })
}

/** Amounts by device, or `auto`. */
export function memory(said: Said<Record<string, string>>) {
  const amount = sizeOrAuto({ description: 'The amount on that device.' })
  const amounts = Type.Record(Type.String(), amount)
  return Type.Union([Type.Literal('auto'), amounts], { title: MEMORY_TITLE, ...said })
}

export function wholeNumber(said: Said<number>) {
  return Type.Integer({ minimum: 0, title: 'a whole number of at least 0', ...said })
}

export function port(said: Said<number>) {
  const title = 'a whole number from 0 to 65535'
  return Type.Integer({ minimum: 0, maximum: 65535, title, ...said })
}

export function flag(said: Said<boolean>) {
  return Type.Boolean({ title: 'true or false', ...said })
}

export function text(said: Said<string>) {
  return Type.String({ minLength: 1, title: 'a text', ...said })
}

/** What Docker takes for the name of a container, a service or a project. */
export function dockerName(pattern: string, said: Said<string>) {
  return Type.String({ pattern, title: 'a name as Docker has them', ...said })
}

export function texts(said: Said<string[]>) {
  const item = Type.String({ title: 'a text', examples: ['--quiet'] })
  return Type.Array(item, { title: 'a list of texts', ...said })
}

export function networks(said: Said<string[]>) {
  const examples = ['10.0.0.0/8']
  const item = Type.String({ format: 'gatehouse-network', title: NETWORK_TITLE, examples })
  return Type.Array(item, { title: 'a list of IP addresses and blocks', ...said })
}

/** `one of "a", "b"` */
export function oneOf(words: readonly string[]): string {
  return `one of ${words.map((word) => JSON.stringify(word)).join(', ')}`
}

function sizeText() {
  return Type.String({ pattern: SIZE_PATTERN, format: 'gatehouse-size' })
}

function sizeNumber() {
  return Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
}

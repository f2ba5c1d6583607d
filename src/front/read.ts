export type JsonObject = Readonly<Record<string, unknown>>

/** A parsed value as an object; anything else is an empty one. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

/** A parsed value as a list; anything else is an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The member of a parsed object that is a text with something in it. */
export function textOf(value: unknown, member: string): string | undefined {
  const text = objectOf(value)[member]
  return typeof text === 'string' && text !== '' ? text : undefined
}

/** The member of a parsed object that is a number. */
export function numberOf(value: unknown, member: string): number | undefined {
  const number = objectOf(value)[member]
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a body says as JSON; undefined: it is a page, or nothing at all. */
export function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined // no answer to a question that wants JSON
  }
}

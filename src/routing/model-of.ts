import { jsonText } from './json-member.js'
import { multipartField } from './multipart-field.js'

/**
 * The `model` that a request names: in its body, whatever the content type claims, a text at the top level of a JSON
 * object or a field of a multipart form; else behind the question mark of its URL. Of several the last counts, as it
 * does for the backends. undefined: none, or one longer than 1 KiB. Never throws; takes time linear in the length.
 */
export function modelOf(
  body: Buffer,
  contentType: string | undefined,
  url = '',
): string | undefined {
  return (
    jsonText(body, 'model') ??
    multipartField(body, contentType, 'model') ??
    queryField(url, 'model')
  )
}

const MAX_VALUE_LENGTH = 1024

function queryField(url: string, name: string): string | undefined {
  const at = url.indexOf('?')
  // A prompt may stand there too: what does not name it is not taken apart.
  if (at < 0 || !url.includes(name, at)) return undefined
  const value = new URLSearchParams(url.slice(at + 1)).getAll(name).at(-1)
  return value !== undefined && value.length <= MAX_VALUE_LENGTH ? value : undefined
}

import { jsonText } from './json-member.js'
import { multipartField } from './multipart-field.js'

/**
 * The `model` that a body names, whatever its content type claims: a text at the top level of a JSON
 * object, or a field of a multipart form. Of several the last counts, as it does for the backends.
 * undefined: none, or one longer than 1 KiB. Never throws; takes time linear in the body's length.
 */
export function modelOf(body: Buffer, contentType: string | undefined): string | undefined {
  return jsonText(body, 'model') ?? multipartField(body, contentType, 'model')
}

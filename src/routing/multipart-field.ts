const LINE_END = '\r\n'
const HEAD_END = '\r\n\r\n'
const MAX_BOUNDARY_BYTES = 200
const MAX_HEAD_BYTES = 4096
const MAX_VALUE_BYTES = 1024
const MAX_PARTS = 200

/**
 * The value of a field of a multipart form, the last one if there are several; files are no fields.
 * The boundary is read from the body's first line, else from the content type. Never throws; looks at
 * 200 parts at most.
 */
export function multipartField(
  body: Buffer,
  contentType: string | undefined,
  name: string,
): string | undefined {
  const boundary = boundaryIn(body) ?? boundaryOf(contentType)
  if (boundary === undefined) return undefined
  let found: string | undefined
  let start = body.indexOf(boundary, 0, 'latin1')
  for (let part = 0; part < MAX_PARTS && start !== -1; part++) {
    const from = start + boundary.length
    const end = body.indexOf(`${LINE_END}${boundary}`, from, 'latin1')
    if (end === -1) break
    found = valueIn(body.subarray(from, end), name) ?? found
    start = end + LINE_END.length
  }
  return found
}

function boundaryIn(body: Buffer): string | undefined {
  if (body[0] !== 0x2d || body[1] !== 0x2d) return undefined
  const end = body.subarray(0, MAX_BOUNDARY_BYTES).indexOf(LINE_END)
  return end > 2 ? body.toString('latin1', 0, end).trimEnd() : undefined
}

function boundaryOf(contentType: string | undefined): string | undefined {
  const found = contentType?.match(/^multipart\/.*;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i)
  const boundary = found?.[1] ?? found?.[2]
  return boundary === undefined ? undefined : `--${boundary}`
}

function valueIn(part: Buffer, name: string): string | undefined {
  const headEnd = part.subarray(0, MAX_HEAD_BYTES).indexOf(HEAD_END)
  if (headEnd === -1) return undefined
  const head = part.toString('latin1', 0, headEnd)
  const value = part.subarray(headEnd + HEAD_END.length)
  return isField(head, name) && value.length <= MAX_VALUE_BYTES ? value.toString('utf8') : undefined
}

function isField(head: string, name: string): boolean {
  const disposition = head
    .split(LINE_END)
    .find((line) => line.toLowerCase().startsWith('content-disposition:'))
  if (disposition === undefined) return false
  const parameters = disposition.split(';').map((parameter) => parameter.trim())
  return (
    (parameters.includes(`name="${name}"`) || parameters.includes(`name=${name}`)) &&
    !parameters.some((parameter) => /^filename\*?=/i.test(parameter))
  )
}

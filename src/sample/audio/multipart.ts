/** Returns the bytes of the part with this name that has a filename, or undefined; naive, as KoboldCpp's own parser is. */
export function fileOfForm(body: Buffer, contentType: string, name = 'file'): Buffer | undefined {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1]
  if (boundary === undefined) return undefined
  const part = partsOf(body, Buffer.from(`--${boundary}`)).find((one) => isFile(one, name))
  if (!part) return undefined
  return part.subarray(part.indexOf('\r\n\r\n') + 4, part.length - 2)
}

/** Cuts a form at its delimiters; each part still has its head and the line end after it. */
function partsOf(body: Buffer, delimiter: Buffer): Buffer[] {
  const parts: Buffer[] = []
  let start = body.indexOf(delimiter)
  while (start >= 0) {
    const end = body.indexOf(delimiter, start + delimiter.length)
    if (end >= 0) parts.push(body.subarray(start + delimiter.length, end))
    start = end
  }
  return parts
}

function isFile(part: Buffer, name: string): boolean {
  const head = part.toString('latin1', 0, Math.max(0, part.indexOf('\r\n\r\n')))
  return new RegExp(`[; ]name="?${name}"?`, 'i').test(head) && /filename\*?=/i.test(head)
}

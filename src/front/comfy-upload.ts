import { randomUUID } from 'node:crypto'

/** A picture to start from, as it was uploaded. */
export interface Upload {
  readonly client: string
  /** Under which it is known from now on; nobody else's has it. */
  readonly name: string
  /** As its client called it. */
  readonly ownName: string
  readonly body: Buffer
  readonly contentType: string
}

const BOUNDARY = /^--([^\r\n]{1,70})\r?\n/
const FILE_NAME = /;\s*filename="([^"]*)"/i
/** Where the head of the first part of a form ends, at the latest. */
const HEAD_BYTES = 2_048

/** Reads a form with a picture, whose boundary it begins with; undefined: it is none. */
export function readUpload(body: Buffer, client: string): Upload | undefined {
  const [, boundary] = BOUNDARY.exec(body.toString('latin1', 0, HEAD_BYTES)) ?? []
  if (boundary === undefined) return undefined
  const [, ownName = ''] = FILE_NAME.exec(body.toString('utf8', 0, HEAD_BYTES)) ?? []
  const contentType = `multipart/form-data; boundary=${boundary}`
  return { client, name: `${randomUUID()}.png`, ownName, body, contentType }
}

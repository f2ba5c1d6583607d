import type { IncomingHttpHeaders } from 'node:http'

/** A scheme and its credentials. */
const AUTHORIZATION = /^(\S+)\s+(\S.*)$/
/** A name and a password, both empty, as programs send them whose user entered none. */
const NOBODY = ':'

/** Who asks, for fairness and for what is whose: a key, else the address. Programs without a key send an empty one. */
export function clientName(headers: IncomingHttpHeaders, address: string): string {
  const { authorization, 'x-api-key': key } = headers
  if (typeof key === 'string' && key !== '') return `key ${key}`
  if (authorization === undefined) return `address ${address}`
  const [, scheme = '', credentials = ''] = AUTHORIZATION.exec(authorization) ?? []
  const isEmpty = credentials === '' || (isBasic(scheme) && decoded(credentials) === NOBODY)
  // Each kind by its name, so that no key can be another client's address.
  return isEmpty ? `address ${address}` : `authorization ${authorization}`
}

function isBasic(scheme: string): boolean {
  return scheme.toLowerCase() === 'basic'
}

function decoded(credentials: string): string {
  return Buffer.from(credentials, 'base64').toString('latin1')
}

import type { BackendAddress } from './config.js'

/** Where a backend of ours listens if the file does not say: here, at a port chosen at every start. */
const OWN_URL = 'http://127.0.0.1'

/** Scheme, host and the port as it is written: URL() hides a port that is the scheme's default. */
const WRITTEN = /^(https?):\/\/(?:\[[^\]]*\]|[^/:@]*)(?::([0-9]+))?(?:\/|$)/i

const DEFAULT_PORTS = { 'http:': 80, 'https:': 443 }

/** Whether a backend's `url` can be used: http or https, a host, perhaps a port and a base path. */
export function isBackendUrl(url: string): boolean {
  return !/[\s\\?#]/.test(url) && WRITTEN.test(url) && URL.canParse(url)
}

/** Whether a `url` carries a user name or a password, which the gateway does not send on. */
export function hasCredentials(url: string): boolean {
  return /^[^/]*\/\/[^/]*@/.test(url)
}

/**
 * The address in a usable `url`. `localhost` is dialled as 127.0.0.1, where KoboldCpp listens.
 * Without a port, a backend that the gateway starts gets one chosen, and any other has its scheme's.
 */
export function toAddress(url: string | undefined, isStartedByUs: boolean): BackendAddress {
  const written = url ?? OWN_URL
  const { protocol: scheme, hostname, pathname } = new URL(written)
  const protocol = scheme === 'https:' ? 'https:' : 'http:'
  const port = WRITTEN.exec(written)?.[2]
  const otherwise = isStartedByUs ? 0 : DEFAULT_PORTS[protocol]
  return {
    protocol,
    host: hostname === 'localhost' ? '127.0.0.1' : hostname,
    port: port === undefined ? otherwise : Number(port),
    basePath: pathname.replace(/\/+$/, ''),
  }
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DockerOptions } from 'dockerode'
import type { Host } from './host.js'
import { StartFailure } from './launcher.js'

const UNIX_SOCKET = '/var/run/docker.sock'
const WINDOWS_PIPE = '//./pipe/docker_engine'

/** How to reach an engine. Every part is there, because dockerode fills what is missing from the environment itself. */
export type EngineAddress = Required<
  Pick<DockerOptions, 'socketPath' | 'host' | 'port' | 'protocol' | 'ca' | 'cert' | 'key'>
>

const NOTHING = {
  socketPath: undefined,
  host: undefined,
  port: undefined,
  ca: undefined,
  cert: undefined,
  key: undefined,
}

/** Where the engine is: `DOCKER_HOST` as Docker's own programs read it, else the platform's own socket. */
export function engineAddress({ env, platform }: Pick<Host, 'env' | 'platform'>): EngineAddress {
  const given = env.DOCKER_HOST ?? ''
  const local = /^(?:unix|npipe):\/\/(.*)$/.exec(given)
  if (given !== '' && !local) return remoteAddress(given, env)
  const socketPath = local?.[1] || (platform === 'win32' ? WINDOWS_PIPE : UNIX_SOCKET)
  return { ...NOTHING, protocol: 'http', socketPath } as EngineAddress
}

function remoteAddress(given: string, env: Host['env']): EngineAddress {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (!url?.hostname || !['tcp:', 'http:', 'https:'].includes(url.protocol)) {
    throw new StartFailure('DOCKER_HOST is not one of unix://, npipe://, tcp://, http://, https://')
  }
  const { hostname: host, port } = url
  if (url.protocol !== 'https:' && !env.DOCKER_TLS_VERIFY) {
    return { ...NOTHING, protocol: 'http', host, port: Number(port) || 2375 } as EngineAddress
  }
  const certificates = readCertificates(env.DOCKER_CERT_PATH)
  const place = { protocol: 'https', host, port: Number(port) || 2376 }
  return { ...NOTHING, ...place, ...certificates } as EngineAddress
}

function readCertificates(folder: string | undefined) {
  if (!folder) return {}
  try {
    const [ca, cert, key] = ['ca', 'cert', 'key'].map((name) =>
      readFileSync(join(folder, `${name}.pem`), 'utf8'),
    )
    return { ca, cert, key }
  } catch (cause) {
    throw new StartFailure('the certificates in DOCKER_CERT_PATH cannot be read', { cause })
  }
}

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export const PEERS = ['stock', 'splice', 'nginx', 'haproxy', 'caddy', 'llama-swap'] as const
export type Peer = (typeof PEERS)[number]

interface Place {
  /** Its own, for this run. */
  readonly folder: string
  readonly port: number
  readonly upstream: string
}

/** How a program that is no script of ours is started, with its configuration in this folder. */
interface Server {
  readonly config: string
  readonly version: readonly string[]
  argv(config: string, place: Place): string[]
  /** It finds a backend by the name of a model, so it can only be asked for texts. */
  readonly routesByModel?: boolean
}

const SERVERS: Partial<Record<Peer, Server>> = {
  nginx: {
    config: 'nginx.conf',
    version: ['-v'],
    argv: (config, { folder }) => [
      ...['-p', folder, '-e', join(folder, 'nginx-error.log')],
      ...['-c', config],
    ],
  },
  haproxy: {
    config: 'haproxy.cfg',
    version: ['-v'],
    argv: (config) => ['-db', '-f', config],
  },
  caddy: {
    config: 'Caddyfile',
    version: ['version'],
    argv: (config) => ['run', '--adapter', 'caddyfile', '--config', config],
  },
  'llama-swap': {
    config: 'llama-swap.yaml',
    version: ['-version'],
    argv: (config, { port }) => ['-config', config, '-listen', `127.0.0.1:${port}`],
    routesByModel: true,
  },
}

/** Whether a peer takes bodies on any path. */
export function takesAnyPath(peer: Peer): boolean {
  return SERVERS[peer]?.routesByModel !== true
}

/** Whether a peer is on this machine. */
export function isFound(peer: Peer): boolean {
  const server = SERVERS[peer]
  return server === undefined || spawnSync(programOf(peer), server.version).error === undefined
}

/** What each peer that is a program of its own says it is. */
export function versionOf(peer: Peer): string {
  const server = SERVERS[peer]
  if (!server) return ''
  const { stdout, stderr } = spawnSync(programOf(peer), server.version, { encoding: 'utf8' })
  return `${stdout ?? ''}${stderr ?? ''}`.split('\n')[0] ?? ''
}

/** The words that start a peer in front of this upstream; undefined: it is a script of ours. */
export function commandOf(peer: Peer, place: Place): string[] | undefined {
  const server = SERVERS[peer]
  if (!server) return undefined
  const { folder } = place
  mkdirSync(folder, { recursive: true })
  const template = readFileSync(new URL(`peers/${server.config}`, import.meta.url), 'utf8')
  const values: Record<string, string> = {
    folder,
    port: String(place.port),
    upstream: new URL(place.upstream).host,
  }
  const file = join(folder, server.config)
  writeFileSync(
    file,
    template.replaceAll(/\{\{(\w+)\}\}/g, (_all, name) => values[name] ?? ''),
  )
  return [programOf(peer), ...server.argv(file, place)]
}

/** `go install` puts programs where few have their PATH look. */
function programOf(peer: Peer): string {
  const { GOBIN, GOPATH } = process.env
  const installed = join(GOBIN ?? join(GOPATH ?? join(homedir(), 'go'), 'bin'), peer)
  return existsSync(installed) ? installed : peer
}

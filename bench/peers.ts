import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const PEERS = ['stock', 'splice', 'nginx', 'haproxy', 'caddy'] as const
export type Peer = (typeof PEERS)[number]

/** How a program that is no script of ours is started, with its configuration in this folder. */
interface Server {
  readonly config: string
  readonly version: readonly string[]
  argv(config: string, folder: string): string[]
}

const SERVERS: Partial<Record<Peer, Server>> = {
  nginx: {
    config: 'nginx.conf',
    version: ['-v'],
    argv: (config, folder) => ['-p', folder, '-e', join(folder, 'nginx-error.log'), '-c', config],
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
}

/** Whether a peer is on this machine. */
export function isFound(peer: Peer): boolean {
  const server = SERVERS[peer]
  return server === undefined || spawnSync(peer, server.version).error === undefined
}

/** What each peer that is a program of its own says it is. */
export function versionOf(peer: Peer): string {
  const server = SERVERS[peer]
  if (!server) return ''
  const { stdout, stderr } = spawnSync(peer, server.version, { encoding: 'utf8' })
  return (stdout + stderr).split('\n')[0] ?? ''
}

/** The words that start a peer in front of this upstream; undefined: it is a script of ours. */
export function commandOf(
  peer: Peer,
  folder: string,
  place: { readonly port: number; readonly upstream: string },
): string[] | undefined {
  const server = SERVERS[peer]
  if (!server) return undefined
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
  return [peer, ...server.argv(file, folder)]
}

import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const LISTENING = '0A'

/** The name of the program that listens on a port, where the platform tells; undefined: it does not. */
export async function portHolder(
  port: number,
  platform: NodeJS.Platform,
): Promise<string | undefined> {
  try {
    if (platform === 'linux') return await linuxHolder(port)
    if (platform === 'darwin') return await darwinHolder(port)
    return platform === 'win32' ? await windowsHolder(port) : undefined
  } catch {
    return undefined // the name only helps to understand: a tool that is missing must not hide the fault itself
  }
}

async function linuxHolder(port: number): Promise<string | undefined> {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6']
  const texts = await Promise.all(tables.map((table) => readFile(table, 'utf8').catch(() => '')))
  const inodes = new Set(texts.flatMap((text) => listeningInodes(text, port)))
  if (inodes.size === 0) return undefined
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (await holds(pid, inodes)) return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim()
  }
  return undefined
}

async function holds(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`
  const names = await readdir(folder).catch(() => [])
  const links = await Promise.all(names.map((fd) => readlink(`${folder}/${fd}`).catch(() => '')))
  return links.some((link) => inodes.has(link.replace(/^socket:\[(\d+)\]$/, '$1')))
}

/** The inodes of the sockets in a /proc/net/tcp table that listen on this port; proc(5). */
export function listeningInodes(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hex}`) && fields[3] === LISTENING)
    .map((fields) => fields[9] ?? '')
}

async function darwinHolder(port: number): Promise<string | undefined> {
  const { stdout } = await run('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fc'])
  return /^c(.+)$/m.exec(stdout)?.[1]
}

async function windowsHolder(port: number): Promise<string | undefined> {
  const pid = listeningPid((await run('netstat', ['-ano', '-p', 'TCP'])).stdout, port)
  if (pid === undefined) return undefined
  const { stdout } = await run('tasklist', ['/FI', `PID eq ${pid}`, '/FO', 'CSV', '/NH'])
  return /^"([^"]+)"/m.exec(stdout)?.[1]
}

/** The process id in the output of Windows' `netstat -ano` that listens on this port. */
export function listeningPid(netstat: string, port: number): number | undefined {
  const line = netstat
    .split(/\r?\n/)
    .map((text) => text.trim().split(/\s+/))
    // The state is translated, but only a listening socket has a remote port of 0.
    .find(([, local, remote]) => local?.endsWith(`:${port}`) && remote?.endsWith(':0'))
  const pid = Number(line?.at(-1))
  return Number.isInteger(pid) ? pid : undefined
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { BUILT_MAIN, tempFolder } from './gateway.js'
import { until } from './until.js'

/** The built program as a user runs it, with what it printed. */
export interface Program {
  readonly child: ChildProcess
  out(): string
  err(): string
  /** Resolves with its exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>
}

export function runProgram(t: Test, args: readonly string[]): Program {
  const child = spawn(process.execPath, [BUILT_MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout?.on('data', (chunk) => out.push(chunk))
  child.stderr?.on('data', (chunk) => err.push(chunk))
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  t.teardown(() => child.kill('SIGKILL'))
  return {
    child,
    out: () => Buffer.concat(out).toString(),
    err: () => Buffer.concat(err).toString(),
    ended,
  }
}

/** The built gateway on a free port, with the routes.json and the state of this folder. */
export function runGateway(t: Test, folder: string, options: readonly string[] = []): Program {
  const place = ['--config', join(folder, 'routes.json'), '--state-dir', join(folder, 'state')]
  return runProgram(t, [...place, '--host', '127.0.0.1', '--port', '0', ...options])
}

/** A folder with a routes.json that has these backends; removed when the test ends. */
export function folderWith(t: Test, backends: object): string {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'routes.json'), JSON.stringify({ backends }))
  return folder
}

/** The address that a running program said it listens at. */
export async function addressOf(program: Program): Promise<string> {
  const find = () => /listening at (http:[^"]+)/.exec(program.out())?.[1]
  await until('it listens', () => find() !== undefined)
  return find() ?? ''
}

/** Whether a process with this id runs; one that has ended and waits to be collected does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const stat = existsSync('/proc') ? readIfThere(`/proc/${Math.abs(pid)}/stat`) : ' R'
  return pid < 0 || !/^\S* ?\(.*\) [ZX]|^$/.test(stat)
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import type { Test } from 'tap'
import { BUILT_MAIN } from './gateway.js'
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
